package kit;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.errors.InvalidReplicationFactorException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.ZooDefs;
import org.apache.zookeeper.ZooKeeper;

/**
 * Topics of brokers before 0.11, made and changed as Kafka's own {@code kafka-topics.sh --zookeeper} does: by znodes (core's
 * {@code AdminUtils.scala} of 0.10). Those brokers have no API for it, or one without configurations.
 */
final class OldTopics {
    private static final String CHANGES = "/config/changes/config_change_";

    private OldTopics() {}

    private static String assignmentPath(JsonNode request) {
        return "/brokers/topics/" + request.get("topic").asText();
    }

    private static String configPath(JsonNode request) {
        return "/config/topics/" + request.get("topic").asText();
    }

    static JsonNode create(JsonNode request) throws Exception {
        Znodes.ask(request, session -> {
            if (session.exists(assignmentPath(request), false) != null) {
                throw new TopicExistsException("Topic '" + request.get("topic").asText() + "' already exists.");
            }
            ObjectNode partitions = Tool.JSON.createObjectNode();
            assign(session, partitions, request.get("partitions").asInt(), request.path("replication").asInt(1));
            // The configuration first: the controller makes the logs as soon as it sees the assignment.
            ObjectNode configs = Tool.JSON.createObjectNode();
            request.path("configs").fields().forEachRemaining(entry -> configs.put(entry.getKey(), entry.getValue().asText()));
            Znodes.write(session, configPath(request), versioned("config", configs));
            return Znodes.write(session, assignmentPath(request), versioned("partitions", partitions));
        });
        return Tool.JSON.nullNode();
    }

    /** Adds partitions up to {@code count}, their replicas going round the brokers. */
    private static void assign(ZooKeeper session, ObjectNode partitions, int count, int replication)
        throws KeeperException, InterruptedException {
        List<Integer> brokers = new ArrayList<>();
        Znodes.list(session, "/brokers/ids").forEach(id -> brokers.add(Integer.valueOf(id)));
        brokers.sort(null);
        if (replication > brokers.size()) {
            throw new InvalidReplicationFactorException(
                "replication factor " + replication + " is larger than the number of brokers, " + brokers.size());
        }
        for (int partition = partitions.size(); partition < count; partition++) {
            ArrayNode replicas = partitions.putArray(String.valueOf(partition));
            for (int replica = 0; replica < replication; replica++) {
                replicas.add(brokers.get((partition + replica) % brokers.size()));
            }
        }
    }

    static JsonNode createPartitions(JsonNode request) throws Exception {
        Znodes.ask(request, session -> {
            ObjectNode partitions = part(session, assignmentPath(request), "partitions");
            assign(session, partitions, request.get("partitions").asInt(), partitions.path("0").size());
            return Znodes.write(session, assignmentPath(request), versioned("partitions", partitions));
        });
        return Tool.JSON.nullNode();
    }

    static JsonNode delete(JsonNode request) throws Exception {
        String mark = "/admin/delete_topics/" + request.get("topic").asText();
        Znodes.ask(request, session -> Znodes.write(session, mark, ""));
        return Tool.JSON.nullNode();
    }

    /** What the topic sets itself; what the brokers set is not known here. */
    static JsonNode describeConfigs(JsonNode request) throws Exception {
        return Znodes.ask(request, session -> part(session, configPath(request), "config"));
    }

    static JsonNode alterConfigs(JsonNode request) throws Exception {
        String topic = request.get("topic").asText();
        Znodes.ask(request, session -> {
            ObjectNode configs = part(session, configPath(request), "config");
            request.get("configs").fields().forEachRemaining(entry -> configs.put(entry.getKey(), entry.getValue().asText()));
            Znodes.write(session, configPath(request), versioned("config", configs));
            ObjectNode change = Tool.JSON.createObjectNode().put("version", 1).put("entity_type", "topics").put("entity_name", topic);
            byte[] data = change.toString().getBytes(StandardCharsets.UTF_8);
            return session.create(CHANGES, data, ZooDefs.Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL);
        });
        return Tool.JSON.nullNode();
    }

    private static String versioned(String name, ObjectNode content) {
        ObjectNode whole = Tool.JSON.createObjectNode().put("version", 1);
        whole.set(name, content);
        return whole.toString();
    }

    private static ObjectNode part(ZooKeeper session, String path, String name) throws KeeperException, InterruptedException {
        String text = Znodes.read(session, path);
        if (text == null) {
            throw new UnknownTopicOrPartitionException("there is no " + path);
        }
        try {
            return (ObjectNode) Tool.JSON.readTree(text).get(name);
        } catch (com.fasterxml.jackson.core.JsonProcessingException broken) {
            throw new IllegalStateException(path + " is no JSON: " + text, broken);
        }
    }
}
