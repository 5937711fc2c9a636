package kit;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.FileInputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * The producer of whatever Kafka version is on the class path, from 0.10 on: {@code OldProducer BOOTSTRAP RECORD_FILE RECORDS_PER_BATCH
 * [PROPERTY=VALUE]...}. Only what 0.10.0's client has is used here, and all of it is still there today: this class is compiled against the
 * tool's own version and runs with any other.
 */
public final class OldProducer {
    private OldProducer() {}

    public static void main(String[] arguments) throws Exception {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", arguments[0]);
        // Nothing leaves before it is told to: so a batch is what the caller wants it to be.
        properties.put("linger.ms", "60000");
        properties.put("batch.size", "1048576");
        for (int i = 3; i < arguments.length; i++) {
            String[] line = arguments[i].split("=", 2);
            properties.put(line[0], line[1]);
        }
        int perBatch = Integer.parseInt(arguments[2]);
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        try (KafkaProducer<byte[], byte[]> producer =
            new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
            DataInputStream in = new DataInputStream(new BufferedInputStream(new FileInputStream(arguments[1])))) {
            while (in.readUnsignedByte() == RecordFile.RECORD) {
                sent.add(producer.send(read(in)));
                if (sent.size() % perBatch == 0) {
                    producer.flush();
                }
            }
            producer.flush();
            for (Future<RecordMetadata> acknowledged : sent) {
                acknowledged.get();
            }
        }
    }

    private static ProducerRecord<byte[], byte[]> read(DataInputStream in) throws Exception {
        String topic = RecordFile.readText(in);
        int partition = in.readInt();
        in.readLong();
        long timestamp = in.readLong();
        in.readByte();
        byte[] key = RecordFile.readBytes(in);
        byte[] value = RecordFile.readBytes(in);
        if (in.readInt() > 0) {
            throw new IllegalArgumentException("producers of 0.10 know no headers");
        }
        return new ProducerRecord<>(topic, partition < 0 ? null : partition, timestamp < 0 ? null : timestamp, key, value);
    }
}
