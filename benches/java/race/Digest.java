package race;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.zip.CRC32;
import java.util.zip.CRC32C;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * {@code Digest BOOTSTRAP TOPIC}: reads a whole topic with Java's own consumer and prints the number of records, a checksum over key, value
 * and timestamp of all of them that does not depend on their order, and how many lie in another partition than their key says.
 */
public final class Digest {
    private long records;
    private long sum;
    private long misplaced;

    private Digest() {}

    public static void main(String[] arguments) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", arguments[0]);
        properties.put("auto.offset.reset", "none");
        properties.put("enable.auto.commit", "false");
        properties.put("check.crcs", "true");
        properties.put("max.poll.records", "20000");
        properties.put("max.partition.fetch.bytes", "4194304");
        Digest digest = new Digest();
        try (KafkaConsumer<byte[], byte[]> consumer =
            new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> partitions = new ArrayList<>();
            consumer.partitionsFor(arguments[1])
                .forEach(info -> partitions.add(new TopicPartition(info.topic(), info.partition())));
            digest.read(consumer, partitions);
        }
        System.out.println("[" + digest.records + "," + digest.misplaced + ",\"" + Long.toHexString(digest.sum) + "\"]");
    }

    private void read(KafkaConsumer<byte[], byte[]> consumer, List<TopicPartition> partitions) {
        Map<TopicPartition, Long> open = new HashMap<>(consumer.endOffsets(partitions));
        open.values().removeIf(end -> end == 0);
        consumer.assign(open.keySet());
        consumer.seekToBeginning(open.keySet());
        long progress = System.nanoTime();
        while (!open.isEmpty()) {
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
                add(record, partitions.size());
                progress = System.nanoTime();
            }
            if (open.entrySet().removeIf(entry -> consumer.position(entry.getKey()) >= entry.getValue())) {
                consumer.assign(open.keySet());
            }
            if (System.nanoTime() - progress > 60_000_000_000L) {
                throw new IllegalStateException("nothing read for 60 s; left: " + open);
            }
        }
    }

    private void add(ConsumerRecord<byte[], byte[]> record, int partitions) {
        ByteBuffer fixed = ByteBuffer.allocate(16);
        fixed.putLong(record.timestamp()).putInt(record.key().length).putInt(record.value().length);
        CRC32 first = new CRC32();
        CRC32C second = new CRC32C();
        for (byte[] part : new byte[][] {fixed.array(), record.key(), record.value()}) {
            first.update(part);
            second.update(part);
        }
        long hash = first.getValue() << 32 | second.getValue();
        // CRCs are linear, so that a plain sum of them could hide a swap between two records: mix each one first.
        hash = (hash ^ hash >>> 30) * 0xBF58476D1CE4E5B9L;
        hash = (hash ^ hash >>> 27) * 0x94D049BB133111EBL;
        sum += hash ^ hash >>> 31;
        records++;
        if (record.partition() != Load.partition(record.key(), partitions)) {
            misplaced++;
        }
    }
}
