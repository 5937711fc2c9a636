package kit;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;

/**
 * A made load: every record is unique, a function of its number and the seed. The key is {@code key-N} with N = number modulo {@code keys}
 * (null when {@code keys} is 0); the value starts with the number as text, the rest is half text, half noise, so that codecs have
 * something to do.
 */
final class Load {
    final long records;
    private final long first;
    private final String topic;
    private final int partitions;
    private final long keys;
    private final int valueBytes;
    private final long timestamp;
    private final boolean headers;
    private final double perSecond;
    private final long started = System.nanoTime();

    Load(JsonNode request) {
        topic = request.get("topic").asText();
        records = request.get("records").asLong();
        first = request.path("first").asLong(0);
        partitions = request.path("partitions").asInt(0);
        keys = request.path("keys").asLong(1000);
        valueBytes = request.path("value_bytes").asInt(100);
        timestamp = request.path("timestamp").asLong(-1);
        headers = request.path("headers").asBoolean(false);
        perSecond = request.path("per_second").asDouble(0);
    }

    /** Waits until it is time for record {@code i}. */
    void pace(long i) {
        if (perSecond <= 0) {
            return;
        }
        long due = started + (long) (i * 1e9 / perSecond);
        for (long left = due - System.nanoTime(); left > 0; left = due - System.nanoTime()) {
            LockSupport.parkNanos(left);
        }
    }

    ProducerRecord<byte[], byte[]> record(long index) {
        long i = first + index;
        // With a number of partitions given, records go round; else the partitioner chooses by key.
        Integer partition = partitions > 0 ? (int) (i % partitions) : null;
        byte[] key = keys == 0 ? null : ("key-" + i % keys).getBytes(StandardCharsets.UTF_8);
        Long time = timestamp < 0 ? null : timestamp + i;
        List<Header> list = headers
            ? List.of(new RecordHeader("n", ByteBuffer.allocate(8).putLong(i).array()), new RecordHeader("n", null))
            : List.of();
        return new ProducerRecord<>(topic, partition, time, key, value(i), list);
    }

    private byte[] value(long i) {
        byte[] number = (i + " the quick brown fox jumps over the lazy dog ").getBytes(StandardCharsets.UTF_8);
        byte[] value = new byte[Math.max(valueBytes, Long.toString(i).length() + 1)];
        long noise = i * 0x9E3779B97F4A7C15L + 1;
        for (int at = 0; at < value.length; at++) {
            if (at < number.length || at % 64 < 32) {
                value[at] = number[at % number.length];
            } else {
                noise ^= noise << 13;
                noise ^= noise >>> 7;
                noise ^= noise << 17;
                value[at] = (byte) noise;
            }
        }
        return value;
    }
}
