"""librdkafka at the tests' service: an implementation of Kafka's protocol that shares nothing with Java's.

    librdkafka.py produce FILE PROPERTIES_JSON     sends the records of FILE in order
    librdkafka.py dump FILE PROPERTIES_JSON TOPICS_JSON     reads whole topics into FILE

The file's form is told in java/kit/RecordFile.java. Prints one JSON object; exits with 1 and a message when anything is refused.
"""

import json
import struct
import sys

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition


def read_records(path):
    with open(path, "rb") as file:
        data = file.read()
    at = 0

    def number(form):
        nonlocal at
        value = struct.unpack_from(form, data, at)[0]
        at += struct.calcsize(form)
        return value

    def text():
        nonlocal at
        length = number(">i")
        if length < 0:
            return None
        at += length
        return data[at - length : at]

    while number(">B") == 1:
        topic, partition, _ = text().decode(), number(">i"), number(">q")
        timestamp, _ = number(">q"), number(">b")
        key, value = text(), text()
        headers = [(text().decode(), text()) for _ in range(number(">i"))]
        yield topic, partition, timestamp, key, value, headers


def produce(path, properties):
    refused = []
    acked = 0

    def done(error, _record):
        nonlocal acked
        if error is None:
            acked += 1
        else:
            refused.append(str(error))

    producer = Producer(properties)
    for topic, partition, timestamp, key, value, headers in read_records(path):
        where = {"partition": partition} if partition >= 0 else {}
        when = {"timestamp": timestamp} if timestamp >= 0 else {}
        while True:
            try:
                producer.produce(topic, value, key, headers=headers, on_delivery=done, **where, **when)
                break
            except BufferError:
                producer.poll(1)
        producer.poll(0)
    producer.flush(120)
    if refused:
        sys.exit(f"refused: {refused[0]} and {len(refused) - 1} more")
    return {"acked": acked}


def write_text(file, value):
    if value is None:
        file.write(struct.pack(">i", -1))
    else:
        file.write(struct.pack(">i", len(value)))
        file.write(value)


def dump(path, properties, topics):
    consumer = Consumer({**properties, "group.id": "librdkafka-dump", "enable.auto.commit": False, "enable.partition.eof": False})
    ends = {}
    for topic in topics:
        for partition in consumer.list_topics(topic, 30).topics[topic].partitions:
            start, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), 30)
            if end > start:
                ends[(topic, partition)] = end
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for topic, partition in ends])
    records = 0
    with open(path, "wb") as file:
        while ends:
            record = consumer.poll(30)
            if record is None:
                sys.exit(f"nothing read for 30 s; left: {ends}")
            if record.error():
                raise KafkaException(record.error())
            place = (record.topic(), record.partition())
            if place not in ends:
                continue
            kind, timestamp = record.timestamp()
            file.write(b"\x01")
            write_text(file, record.topic().encode())
            file.write(struct.pack(">iqqb", record.partition(), record.offset(), timestamp, kind - 1))
            write_text(file, record.key())
            write_text(file, record.value())
            headers = record.headers() or []
            file.write(struct.pack(">i", len(headers)))
            for name, value in headers:
                write_text(file, name.encode())
                write_text(file, value)
            records += 1
            if record.offset() + 1 >= ends[place]:
                del ends[place]
        file.write(struct.pack(">Bq", 0, records))
    consumer.close()
    return {"records": records}


if __name__ == "__main__":
    operation, file_path, settings = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    if operation == "produce":
        print(json.dumps(produce(file_path, settings)))
    else:
        print(json.dumps(dump(file_path, settings, json.loads(sys.argv[4]))))
