package kit;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.DescribeClusterOptions;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.NewPartitionReassignment;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.ElectionNotNeededException;
import org.apache.kafka.common.errors.UnsupportedVersionException;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;

/** Clusters and topics: what there is, what is made, where the leaders are. */
final class Topics {
    JsonNode describeCluster(JsonNode request) throws Exception {
        var cluster = Admins.of(request).describeCluster(new DescribeClusterOptions().timeoutMs(3000));
        ObjectNode answer = Tool.JSON.createObjectNode();
        answer.put("cluster_id", cluster.clusterId().get());
        ArrayNode nodes = answer.putArray("nodes");
        cluster.nodes().get().stream().map(Node::id).sorted().forEach(nodes::add);
        return answer;
    }

    JsonNode create(JsonNode request) throws Exception {
        if (request.has("zookeeper")) {
            return OldTopics.create(request);
        }
        Map<String, String> configs = new HashMap<>();
        request.path("configs").fields().forEachRemaining(entry -> configs.put(entry.getKey(), entry.getValue().asText()));
        NewTopic topic = new NewTopic(
            request.get("topic").asText(),
            Optional.of(request.get("partitions").asInt()),
            Optional.of((short) request.path("replication").asInt(1)));
        Admins.of(request).createTopics(List.of(topic.configs(configs))).all().get();
        return Tool.JSON.nullNode();
    }

    JsonNode delete(JsonNode request) throws Exception {
        if (request.has("zookeeper")) {
            return OldTopics.delete(request);
        }
        Admins.of(request).deleteTopics(List.of(request.get("topic").asText())).all().get();
        return Tool.JSON.nullNode();
    }

    JsonNode createPartitions(JsonNode request) throws Exception {
        if (request.has("zookeeper")) {
            return OldTopics.createPartitions(request);
        }
        NewPartitions wanted = NewPartitions.increaseTo(request.get("partitions").asInt());
        Admins.of(request).createPartitions(Map.of(request.get("topic").asText(), wanted)).all().get();
        return Tool.JSON.nullNode();
    }

    JsonNode list(JsonNode request) throws Exception {
        ListTopicsOptions options = new ListTopicsOptions().listInternal(request.path("internal").asBoolean(false));
        ArrayNode answer = Tool.JSON.createArrayNode();
        new TreeSet<>(Admins.of(request).listTopics(options).names().get()).forEach(answer::add);
        return answer;
    }

    JsonNode describe(JsonNode request) throws Exception {
        TopicDescription topic = describe(Admins.of(request), request.get("topic").asText());
        ObjectNode answer = Tool.JSON.createObjectNode();
        answer.put("topic_id", topic.topicId().toString());
        ArrayNode partitions = answer.putArray("partitions");
        for (TopicPartitionInfo info : topic.partitions()) {
            ObjectNode row = partitions.addObject();
            row.put("partition", info.partition());
            row.put("leader", info.leader() == null ? -1 : info.leader().id());
            nodes(info.replicas(), row.putArray("replicas"));
            nodes(info.isr(), row.putArray("in_sync"));
        }
        return answer;
    }

    private static void nodes(List<Node> nodes, ArrayNode into) {
        nodes.forEach(node -> into.add(node.id()));
    }

    private static TopicDescription describe(Admin admin, String topic) throws Exception {
        return admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
    }

    private static ConfigResource resource(JsonNode request) {
        return request.has("topic")
            ? new ConfigResource(ConfigResource.Type.TOPIC, request.get("topic").asText())
            : new ConfigResource(ConfigResource.Type.BROKER, request.get("broker").asText());
    }

    JsonNode describeConfigs(JsonNode request) throws Exception {
        if (request.has("zookeeper")) {
            return OldTopics.describeConfigs(request);
        }
        ConfigResource resource = resource(request);
        Collection<ConfigEntry> entries =
            Admins.of(request).describeConfigs(List.of(resource)).all().get().get(resource).entries();
        ObjectNode answer = Tool.JSON.createObjectNode();
        entries.forEach(entry -> answer.put(entry.name(), entry.value()));
        return answer;
    }

    JsonNode alterConfigs(JsonNode request) throws Exception {
        if (request.has("zookeeper")) {
            return OldTopics.alterConfigs(request);
        }
        List<AlterConfigOp> changes = new ArrayList<>();
        request.get("configs").fields().forEachRemaining(entry -> changes.add(new AlterConfigOp(
            new ConfigEntry(entry.getKey(), entry.getValue().asText()), AlterConfigOp.OpType.SET)));
        ConfigResource resource = resource(request);
        try {
            Admins.of(request).incrementalAlterConfigs(Map.of(resource, changes)).all().get();
        } catch (ExecutionException failure) {
            if (!(failure.getCause() instanceof UnsupportedVersionException)) {
                throw failure;
            }
            replaceConfigs(Admins.of(request), resource, changes);
        }
        return Tool.JSON.nullNode();
    }

    /** Brokers before 2.3 take nothing but all of a topic's own settings at once (KIP-339). */
    @SuppressWarnings("deprecation")
    private static void replaceConfigs(Admin admin, ConfigResource resource, List<AlterConfigOp> changes) throws Exception {
        Map<String, ConfigEntry> own = new HashMap<>();
        for (ConfigEntry entry : admin.describeConfigs(List.of(resource)).all().get().get(resource).entries()) {
            if (entry.source() == ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG) {
                own.put(entry.name(), entry);
            }
        }
        changes.forEach(change -> own.put(change.configEntry().name(), change.configEntry()));
        admin.alterConfigs(Map.of(resource, new Config(own.values()))).all().get();
    }

    /** Makes one of the replicas the first one and has it elected. */
    JsonNode moveLeader(JsonNode request) throws Exception {
        Admin admin = Admins.of(request);
        TopicPartition partition = new TopicPartition(request.get("topic").asText(), request.get("partition").asInt());
        int leader = request.get("leader").asInt();
        List<Integer> replicas = describe(admin, partition.topic()).partitions().get(partition.partition()).replicas()
            .stream().map(Node::id).filter(id -> id != leader).collect(Collectors.toCollection(ArrayList::new));
        replicas.add(0, leader);
        admin.alterPartitionReassignments(
            Map.of(partition, Optional.of(new NewPartitionReassignment(replicas)))).all().get();
        long deadline = System.nanoTime() + 60_000_000_000L;
        while (!admin.listPartitionReassignments(Set.of(partition)).reassignments().get().isEmpty()) {
            if (System.nanoTime() > deadline) {
                throw new IllegalStateException("the reassignment of " + partition + " does not end");
            }
            LockSupport.parkNanos(20_000_000);
        }
        elect(admin, Set.of(partition));
        return Tool.JSON.nullNode();
    }

    JsonNode electPreferred(JsonNode request) throws Exception {
        elect(Admins.of(request), null);
        return Tool.JSON.nullNode();
    }

    private static void elect(Admin admin, Set<TopicPartition> partitions) throws Exception {
        try {
            admin.electLeaders(ElectionType.PREFERRED, partitions).all().get();
        } catch (ExecutionException failure) {
            if (!(failure.getCause() instanceof ElectionNotNeededException)) {
                throw failure;
            }
        }
    }

    /** Bytes a second that clients of this id may produce; 0 takes the limit away. */
    JsonNode setProducerQuota(JsonNode request) throws Exception {
        ClientQuotaEntity entity = new ClientQuotaEntity(Map.of(ClientQuotaEntity.CLIENT_ID, request.get("client_id").asText()));
        double rate = request.get("bytes_per_second").asDouble();
        var limit = new ClientQuotaAlteration.Op("producer_byte_rate", rate > 0 ? rate : null);
        Admins.of(request).alterClientQuotas(List.of(new ClientQuotaAlteration(entity, List.of(limit)))).all().get();
        return Tool.JSON.nullNode();
    }

    JsonNode deleteRecords(JsonNode request) throws Exception {
        TopicPartition partition = new TopicPartition(request.get("topic").asText(), request.get("partition").asInt());
        Admins.of(request)
            .deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(request.get("before").asLong()))).all().get();
        return Tool.JSON.nullNode();
    }
}
