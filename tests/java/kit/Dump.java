package kit;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedOutputStream;
import java.io.DataOutputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;

/** Reads whole topics with Kafka's own consumer into a {@link RecordFile}, from the log start to the end found at the start. */
final class Dump {
    private Dump() {}

    static JsonNode run(JsonNode request) throws Exception {
        Properties properties = new Properties();
        properties.put("isolation.level", request.path("isolation").asText("read_uncommitted"));
        properties.put("check.crcs", "true");
        properties.put("max.poll.records", "20000");
        properties.put("max.partition.fetch.bytes", "8388608");
        return Readers.read(request.get("bootstrap").asText(), properties, consumer -> {
            List<TopicPartition> partitions = partitions(consumer, request.get("topics"));
            Map<TopicPartition, Long> starts = consumer.beginningOffsets(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            try (DataOutputStream out = new DataOutputStream(
                new BufferedOutputStream(new FileOutputStream(request.get("file").asText()), 1 << 18))) {
                long records = copy(consumer, starts, ends, out);
                out.writeByte(RecordFile.END);
                out.writeLong(records);
            }
            return answer(partitions, starts, ends);
        });
    }

    static List<TopicPartition> partitions(KafkaConsumer<?, ?> consumer, JsonNode topics) {
        List<TopicPartition> partitions = new ArrayList<>();
        for (JsonNode topic : topics) {
            List<PartitionInfo> found = consumer.partitionsFor(topic.asText());
            if (found == null || found.isEmpty()) {
                throw new IllegalStateException("topic " + topic.asText() + " does not exist");
            }
            found.forEach(info -> partitions.add(new TopicPartition(info.topic(), info.partition())));
        }
        return partitions;
    }

    private static JsonNode answer(
        List<TopicPartition> partitions, Map<TopicPartition, Long> starts, Map<TopicPartition, Long> ends) {
        ArrayNode answer = Tool.JSON.createArrayNode();
        for (TopicPartition partition : partitions) {
            ObjectNode row = answer.addObject();
            row.put("topic", partition.topic()).put("partition", partition.partition());
            row.put("start", starts.get(partition)).put("end", ends.get(partition));
        }
        return answer;
    }

    private static long copy(
        KafkaConsumer<byte[], byte[]> consumer,
        Map<TopicPartition, Long> starts,
        Map<TopicPartition, Long> ends,
        DataOutputStream out) throws Exception {
        Map<TopicPartition, Long> open = new HashMap<>(ends);
        open.entrySet().removeIf(entry -> entry.getValue() <= starts.get(entry.getKey()));
        consumer.assign(open.keySet());
        open.keySet().forEach(partition -> consumer.seek(partition, starts.get(partition)));
        long records = 0;
        long progress = System.nanoTime();
        while (!open.isEmpty()) {
            var polled = consumer.poll(Duration.ofMillis(200));
            for (ConsumerRecord<byte[], byte[]> record : polled) {
                Long end = ends.get(new TopicPartition(record.topic(), record.partition()));
                if (record.offset() < end) {
                    write(out, record);
                    records++;
                }
            }
            if (!polled.isEmpty()) {
                progress = System.nanoTime();
            }
            // The position passes markers, aborted records and gaps that hold no record for us.
            if (open.entrySet().removeIf(entry -> consumer.position(entry.getKey()) >= entry.getValue())) {
                consumer.assign(new ArrayList<>(open.keySet()));
                progress = System.nanoTime();
            }
            if (System.nanoTime() - progress > 60_000_000_000L) {
                throw new IllegalStateException("nothing read for 60 s; left: " + open);
            }
        }
        return records;
    }

    private static void write(DataOutputStream out, ConsumerRecord<byte[], byte[]> record) throws Exception {
        out.writeByte(RecordFile.RECORD);
        RecordFile.writeBytes(out, record.topic().getBytes(StandardCharsets.UTF_8));
        out.writeInt(record.partition());
        out.writeLong(record.offset());
        out.writeLong(record.timestamp());
        out.writeByte(record.timestampType().id);
        RecordFile.writeBytes(out, record.key());
        RecordFile.writeBytes(out, record.value());
        Header[] headers = record.headers().toArray();
        out.writeInt(headers.length);
        for (Header header : headers) {
            RecordFile.writeBytes(out, rawName(header));
            RecordFile.writeBytes(out, header.value());
        }
    }

    /**
     * The name's bytes as they are in the log. {@code RecordHeader} keeps them in a buffer until somebody asks for the name as a String
     * (which replaces what is not UTF-8), so they are read before anybody does.
     */
    private static byte[] rawName(Header header) throws IOException, IllegalAccessException {
        ByteBuffer name = (ByteBuffer) NAME.get(header);
        if (name == null) {
            throw new IOException("the consumer has decoded the header name: " + header.key());
        }
        ByteBuffer copy = name.duplicate();
        byte[] bytes = new byte[copy.remaining()];
        copy.get(bytes);
        return bytes;
    }

    private static final Field NAME = nameField();

    private static Field nameField() {
        try {
            Field field = RecordHeader.class.getDeclaredField("keyBuffer");
            field.setAccessible(true);
            return field;
        } catch (NoSuchFieldException gone) {
            throw new IllegalStateException("RecordHeader of this Kafka version has no keyBuffer", gone);
        }
    }
}
