package kit;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.UnsupportedVersionException;

/** Offsets: where logs start and end, and what groups committed. */
final class Positions {
    /** {@code at}: earliest, latest (high watermark) or stable (last stable offset). */
    JsonNode listOffsets(JsonNode request) throws Exception {
        try {
            return offsetsByAdmin(request);
        } catch (ExecutionException failure) {
            if (failure.getCause() instanceof UnsupportedVersionException) {
                return offsetsByConsumer(request);
            }
            throw failure;
        }
    }

    /** Brokers before 0.11 know no last stable offset: nothing of theirs is ever unstable. */
    private static JsonNode offsetsByConsumer(JsonNode request) throws Exception {
        return Readers.read(request.get("bootstrap").asText(), new Properties(), consumer -> {
            List<TopicPartition> partitions = Dump.partitions(consumer, request.get("topics"));
            boolean earliest = request.get("at").asText().equals("earliest");
            ArrayNode answer = Tool.JSON.createArrayNode();
            (earliest ? consumer.beginningOffsets(partitions) : consumer.endOffsets(partitions))
                .forEach((partition, offset) -> row(answer, partition).put("offset", offset));
            return answer;
        });
    }

    private static JsonNode offsetsByAdmin(JsonNode request) throws Exception {
        Admin admin = Admins.of(request);
        String at = request.get("at").asText();
        Map<TopicPartition, OffsetSpec> wanted = new HashMap<>();
        for (JsonNode topic : request.get("topics")) {
            String name = topic.asText();
            int partitions = admin.describeTopics(List.of(name)).allTopicNames().get().get(name).partitions().size();
            for (int partition = 0; partition < partitions; partition++) {
                wanted.put(new TopicPartition(name, partition), at.equals("earliest") ? OffsetSpec.earliest() : OffsetSpec.latest());
            }
        }
        IsolationLevel isolation = at.equals("stable") ? IsolationLevel.READ_COMMITTED : IsolationLevel.READ_UNCOMMITTED;
        ArrayNode answer = Tool.JSON.createArrayNode();
        admin.listOffsets(wanted, new ListOffsetsOptions(isolation)).all().get()
            .forEach((partition, found) -> row(answer, partition).put("offset", found.offset()));
        return answer;
    }

    private static ObjectNode row(ArrayNode rows, TopicPartition partition) {
        return rows.addObject().put("topic", partition.topic()).put("partition", partition.partition());
    }

    JsonNode committed(JsonNode request) throws Exception {
        Map<TopicPartition, OffsetAndMetadata> offsets;
        try {
            offsets = Admins.of(request)
                .listConsumerGroupOffsets(request.get("group").asText()).partitionsToOffsetAndMetadata().get();
        } catch (ExecutionException failure) {
            if (!(failure.getCause() instanceof UnsupportedVersionException)) {
                throw failure;
            }
            offsets = committedOfAllTopics(request);
        }
        ArrayNode answer = Tool.JSON.createArrayNode();
        offsets.forEach((partition, position) -> {
            if (position != null) {
                row(answer, partition).put("offset", position.offset()).put("metadata", position.metadata());
            }
        });
        return answer;
    }

    /** Kafka 0.10.0 does not say where a group has positions: it is asked for each partition there is. */
    private static Map<TopicPartition, OffsetAndMetadata> committedOfAllTopics(JsonNode request) throws Exception {
        Properties properties = new Properties();
        properties.put("group.id", request.get("group").asText());
        return Readers.read(request.get("bootstrap").asText(), properties, consumer -> {
            Set<TopicPartition> partitions = new HashSet<>();
            consumer.listTopics().values().forEach(
                infos -> infos.forEach(info -> partitions.add(new TopicPartition(info.topic(), info.partition()))));
            return consumer.committed(partitions);
        });
    }

    JsonNode commit(JsonNode request) throws Exception {
        TopicPartition partition = new TopicPartition(request.get("topic").asText(), request.get("partition").asInt());
        OffsetAndMetadata position = new OffsetAndMetadata(request.get("offset").asLong(), request.path("metadata").asText());
        Admins.of(request).alterConsumerGroupOffsets(request.get("group").asText(), Map.of(partition, position)).all().get();
        return Tool.JSON.nullNode();
    }

    JsonNode forget(JsonNode request) throws Exception {
        TopicPartition partition = new TopicPartition(request.get("topic").asText(), request.get("partition").asInt());
        Admins.of(request).deleteConsumerGroupOffsets(request.get("group").asText(), Set.of(partition)).all().get();
        return Tool.JSON.nullNode();
    }

    JsonNode describeGroup(JsonNode request) throws Exception {
        String group = request.get("group").asText();
        ConsumerGroupDescription found = Admins.of(request).describeConsumerGroups(List.of(group)).all().get().get(group);
        ObjectNode answer = Tool.JSON.createObjectNode();
        answer.put("state", found.state().toString());
        answer.put("assignor", found.partitionAssignor());
        ArrayNode members = answer.putArray("members");
        found.members().forEach(member -> {
            ObjectNode row = members.addObject().put("id", member.consumerId()).put("client_id", member.clientId());
            ArrayNode partitions = row.putArray("partitions");
            member.assignment().topicPartitions().forEach(partition -> row(partitions, partition));
        });
        return answer;
    }
}
