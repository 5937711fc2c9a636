package kit;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;

/** One admin client per cluster, kept for the life of the tool. */
final class Admins {
    private static final Map<String, Admin> ADMINS = new ConcurrentHashMap<>();

    private Admins() {}

    /** The cluster is gone: stop asking for it. */
    static JsonNode forget(JsonNode request) {
        Admin admin = ADMINS.remove(request.get("bootstrap").asText());
        if (admin != null) {
            admin.close(Duration.ZERO);
        }
        return Tool.JSON.nullNode();
    }

    static Admin of(JsonNode request) {
        return ADMINS.computeIfAbsent(request.get("bootstrap").asText(), bootstrap -> {
            Properties properties = new Properties();
            properties.put(AdminClientConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
            properties.put(AdminClientConfig.REQUEST_TIMEOUT_MS_CONFIG, "10000");
            properties.put(AdminClientConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, "30000");
            // Brokers are started, stopped and moved all the time here: come back at once.
            properties.put(AdminClientConfig.RECONNECT_BACKOFF_MS_CONFIG, "20");
            properties.put(AdminClientConfig.RECONNECT_BACKOFF_MAX_MS_CONFIG, "100");
            properties.put(AdminClientConfig.RETRY_BACKOFF_MS_CONFIG, "20");
            properties.put("retry.backoff.max.ms", "100");
            return Admin.create(properties);
        });
    }
}
