package kit;

import java.util.Properties;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.errors.UnsupportedVersionException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Consumers that read without joining a group, on brokers of every era. */
final class Readers {
    /** What is done with a consumer; may be done again with another one. */
    interface Use<T> {
        T with(KafkaConsumer<byte[], byte[]> consumer) throws Exception;
    }

    private Readers() {}

    /**
     * Opens a consumer for one use. It never makes a topic by asking for it. Brokers before 0.11 cannot be asked for that (Metadata before
     * version 4, KIP-117); the kit's own have auto-creation switched off.
     */
    static <T> T read(String bootstrap, Properties more, Use<T> use) throws Exception {
        Properties properties = new Properties();
        properties.putAll(more);
        properties.put("bootstrap.servers", bootstrap);
        properties.put("auto.offset.reset", "none");
        properties.put("enable.auto.commit", "false");
        properties.put("allow.auto.create.topics", "false");
        try {
            return once(properties, use);
        } catch (UnsupportedVersionException old) {
            properties.put("allow.auto.create.topics", "true");
            return once(properties, use);
        }
    }

    private static <T> T once(Properties properties, Use<T> use) throws Exception {
        try (KafkaConsumer<byte[], byte[]> consumer =
            new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            return use.with(consumer);
        }
    }
}
