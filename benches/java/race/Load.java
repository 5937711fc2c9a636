package race;

import java.nio.charset.StandardCharsets;
import java.util.Properties;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.utils.Utils;

/**
 * {@code Load BOOTSTRAP TOPIC CODEC RECORDS COUNT...}: fills a topic with keyed JSON-like records of exactly 1000 bytes, by Java's own
 * producer with large batches. Prints, for each COUNT of partitions, how many records belong in each of them by key.
 */
public final class Load {
    private static final int VALUE_BYTES = 1000;
    private static final long FIRST_TIMESTAMP = 1_700_000_000_000L;
    private static final char[] HEX = "0123456789abcdef".toCharArray();
    private static final String[] EVENTS = {"page_view", "add_to_cart", "checkout", "login", "search", "logout"};
    private static final String[] COUNTRIES = {"DE", "FR", "US", "BR", "IN", "JP", "NG", "PL"};

    private final SplittableRandom random = new SplittableRandom(20);
    private final byte[][] words = new byte[160][];

    private Load() {
        for (int at = 0; at < words.length; at++) {
            StringBuilder word = new StringBuilder();
            for (int letters = 4 + random.nextInt(8); letters > 0; letters--) {
                word.append((char) ('a' + random.nextInt(26)));
            }
            words[at] = word.append(' ').toString().getBytes(StandardCharsets.US_ASCII);
        }
    }

    public static void main(String[] arguments) throws Exception {
        String topic = arguments[1];
        long records = Long.parseLong(arguments[3]);
        long[][] counts = new long[arguments.length - 4][];
        for (int at = 0; at < counts.length; at++) {
            counts[at] = new long[Integer.parseInt(arguments[at + 4])];
        }
        Load load = new Load();
        AtomicReference<Exception> refusal = new AtomicReference<>();
        try (KafkaProducer<byte[], byte[]> producer = producer(arguments[0], arguments[2])) {
            for (long i = 0; i < records && refusal.get() == null; i++) {
                byte[] key = load.key();
                for (long[] count : counts) {
                    count[partition(key, count.length)]++;
                }
                // A thousand records a millisecond: neighbours share a timestamp, as in a busy topic.
                ProducerRecord<byte[], byte[]> record =
                    new ProducerRecord<>(topic, null, FIRST_TIMESTAMP + i / 1000, key, load.value(i));
                producer.send(record, (metadata, error) -> refusal.compareAndSet(null, error));
            }
        }
        if (refusal.get() != null) {
            throw refusal.get();
        }
        StringBuilder lists = new StringBuilder();
        for (long[] count : counts) {
            lists.append(lists.length() == 0 ? "" : ",").append(java.util.Arrays.toString(count));
        }
        System.out.println("[" + lists + "]");
    }

    private static KafkaProducer<byte[], byte[]> producer(String bootstrap, String codec) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        properties.put("compression.type", codec);
        properties.put("batch.size", "262144");
        properties.put("linger.ms", "20");
        properties.put("buffer.memory", "67108864");
        return new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
    }

    /** Java's default partitioner for a record with a key. */
    static int partition(byte[] key, int partitions) {
        return Utils.toPositive(Utils.murmur2(key)) % partitions;
    }

    /** 36 bytes that look like a UUID. */
    private byte[] key() {
        byte[] key = new byte[36];
        for (int at = 0; at < key.length; at++) {
            key[at] = (byte) (at == 8 || at == 13 || at == 18 || at == 23 ? '-' : HEX[random.nextInt(16)]);
        }
        return key;
    }

    private byte[] value(long i) {
        String head = "{\"id\":" + i
            + ",\"time\":" + (FIRST_TIMESTAMP + i / 1000)
            + ",\"user\":\"user-" + random.nextInt(1_000_000)
            + "\",\"session\":\"" + Integer.toHexString(random.nextInt())
            + "\",\"event\":\"" + EVENTS[random.nextInt(EVENTS.length)]
            + "\",\"country\":\"" + COUNTRIES[random.nextInt(COUNTRIES.length)]
            + "\",\"amount\":" + random.nextInt(100_000) / 100.0
            + ",\"address\":\"10." + random.nextInt(256) + "." + random.nextInt(256) + ".7\",\"text\":\"";
        byte[] value = new byte[VALUE_BYTES];
        byte[] start = head.getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(start, 0, value, 0, start.length);
        int end = VALUE_BYTES - 2;
        int at = start.length;
        while (at < end) {
            // To the fourth power: a few words are common, most are rare.
            double share = random.nextDouble();
            share *= share;
            byte[] word = words[(int) (share * share * words.length)];
            int length = Math.min(word.length, end - at);
            System.arraycopy(word, 0, value, at, length);
            at += length;
        }
        value[end] = '"';
        value[end + 1] = '}';
        return value;
    }
}
