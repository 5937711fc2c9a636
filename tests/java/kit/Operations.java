package kit;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Map;
import java.util.Properties;

/** The table of operations: name to method. */
final class Operations {
    interface Operation {
        JsonNode run(JsonNode request) throws Exception;
    }

    private final Topics topics = new Topics();
    private final Positions positions = new Positions();
    private final Producers producers = new Producers();
    private final Map<String, Operation> table = Map.ofEntries(
        Map.entry("forget", Admins::forget),
        Map.entry("describe_cluster", topics::describeCluster),
        Map.entry("create_topic", topics::create),
        Map.entry("delete_topic", topics::delete),
        Map.entry("create_partitions", topics::createPartitions),
        Map.entry("list_topics", topics::list),
        Map.entry("describe_topic", topics::describe),
        Map.entry("describe_configs", topics::describeConfigs),
        Map.entry("alter_configs", topics::alterConfigs),
        Map.entry("move_leader", topics::moveLeader),
        Map.entry("elect_preferred", topics::electPreferred),
        Map.entry("delete_records", topics::deleteRecords),
        Map.entry("allow_only", Rights::allowOnly),
        Map.entry("set_producer_quota", topics::setProducerQuota),
        Map.entry("list_offsets", positions::listOffsets),
        Map.entry("committed", positions::committed),
        Map.entry("commit", positions::commit),
        Map.entry("forget_position", positions::forget),
        Map.entry("describe_group", positions::describeGroup),
        Map.entry("producer_open", producers::open),
        Map.entry("producer_send", producers::send),
        Map.entry("producer_generate", producers::generate),
        Map.entry("producer_begin", producers::begin),
        Map.entry("producer_commit", producers::commit),
        Map.entry("producer_abort", producers::abort),
        Map.entry("producer_close", producers::close),
        Map.entry("znode_forget", Znodes::forget),
        Map.entry("znode_get", Znodes::get),
        Map.entry("znode_set", Znodes::set),
        Map.entry("znode_hold", Znodes::hold),
        Map.entry("znode_children", Znodes::children),
        Map.entry("znode_delete", Znodes::delete),
        Map.entry("dump", Dump::run));

    JsonNode run(String name, JsonNode request) throws Exception {
        Operation operation = table.get(name);
        if (operation == null) {
            throw new IllegalArgumentException("no operation " + name);
        }
        return operation.run(request);
    }

    /** The entries of a JSON object as Java properties. */
    static Properties properties(JsonNode object) {
        Properties properties = new Properties();
        if (object != null) {
            object.fields().forEachRemaining(entry -> properties.put(entry.getKey(), entry.getValue().asText()));
        }
        return properties;
    }
}
