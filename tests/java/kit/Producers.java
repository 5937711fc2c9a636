package kit;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.FileInputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Producers by handle, so that a test can hold a transaction open, interleave two of them, or leave one behind. */
final class Producers {
    private final Map<Long, KafkaProducer<byte[], byte[]>> producers = new ConcurrentHashMap<>();
    private final AtomicLong handles = new AtomicLong();

    JsonNode open(JsonNode request) {
        Properties properties = Operations.properties(request.get("properties"));
        properties.put("bootstrap.servers", request.get("bootstrap").asText());
        properties.putIfAbsent("reconnect.backoff.ms", "20");
        properties.putIfAbsent("reconnect.backoff.max.ms", "200");
        KafkaProducer<byte[], byte[]> producer =
            new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
        if (properties.containsKey("transactional.id")) {
            producer.initTransactions();
        }
        long handle = handles.incrementAndGet();
        producers.put(handle, producer);
        return Tool.JSON.createObjectNode().put("producer", handle);
    }

    private KafkaProducer<byte[], byte[]> producer(JsonNode request) {
        return producers.get(request.get("producer").asLong());
    }

    /** Counts what was acknowledged; keeps the first refusal. */
    private static final class Outcome implements Callback {
        private final AtomicLong acked = new AtomicLong();
        private final AtomicReference<Exception> refusal = new AtomicReference<>();

        @Override
        public void onCompletion(org.apache.kafka.clients.producer.RecordMetadata metadata, Exception exception) {
            if (exception == null) {
                acked.incrementAndGet();
            } else {
                refusal.compareAndSet(null, exception);
            }
        }

        JsonNode answer() throws Exception {
            if (refusal.get() != null) {
                throw refusal.get();
            }
            return Tool.JSON.createObjectNode().put("acked", acked.get());
        }
    }

    /** Sends the records of a file in order; {@code flush_every} n ends a batch after each n records. */
    JsonNode send(JsonNode request) throws Exception {
        KafkaProducer<byte[], byte[]> producer = producer(request);
        long flushEvery = request.path("flush_every").asLong(0);
        Outcome outcome = new Outcome();
        long sent = 0;
        try (DataInputStream in =
            new DataInputStream(new BufferedInputStream(new FileInputStream(request.get("file").asText()), 1 << 16))) {
            while (in.readUnsignedByte() == RecordFile.RECORD) {
                producer.send(readRecord(in), outcome);
                sent++;
                if (flushEvery > 0 && sent % flushEvery == 0) {
                    producer.flush();
                }
            }
        }
        producer.flush();
        return outcome.answer();
    }

    private static ProducerRecord<byte[], byte[]> readRecord(DataInputStream in) throws Exception {
        String topic = RecordFile.readText(in);
        int partition = in.readInt();
        in.readLong();
        long timestamp = in.readLong();
        in.readByte();
        byte[] key = RecordFile.readBytes(in);
        byte[] value = RecordFile.readBytes(in);
        List<Header> headers = new ArrayList<>();
        for (int left = in.readInt(); left > 0; left--) {
            String name = RecordFile.readText(in);
            headers.add(new RecordHeader(name, RecordFile.readBytes(in)));
        }
        return new ProducerRecord<>(
            topic, partition < 0 ? null : partition, timestamp < 0 ? null : timestamp, key, value, headers);
    }

    /** A load made here: see {@link Load}. Runs until all records are acknowledged. */
    JsonNode generate(JsonNode request) throws Exception {
        KafkaProducer<byte[], byte[]> producer = producer(request);
        Outcome outcome = new Outcome();
        Load load = new Load(request);
        for (long i = 0; i < load.records; i++) {
            load.pace(i);
            producer.send(load.record(i), outcome);
        }
        producer.flush();
        return outcome.answer();
    }

    JsonNode begin(JsonNode request) {
        producer(request).beginTransaction();
        return Tool.JSON.nullNode();
    }

    JsonNode commit(JsonNode request) {
        producer(request).commitTransaction();
        return Tool.JSON.nullNode();
    }

    JsonNode abort(JsonNode request) {
        producer(request).abortTransaction();
        return Tool.JSON.nullNode();
    }

    /** {@code "abandon": true} closes without a word to the brokers: an open transaction stays open. */
    JsonNode close(JsonNode request) {
        KafkaProducer<byte[], byte[]> producer = producers.remove(request.get("producer").asLong());
        if (request.path("abandon").asBoolean(false)) {
            producer.close(Duration.ZERO);
        } else {
            producer.close();
        }
        ObjectNode answer = Tool.JSON.createObjectNode();
        return answer.put("open", producers.size());
    }
}
