package kit;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.acl.AccessControlEntryFilter;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourcePatternFilter;
import org.apache.kafka.common.resource.ResourceType;

/** What everybody may do with one topic or group; the brokers have an authorizer that allows all where nothing is said. */
final class Rights {
    private Rights() {}

    /** Exactly {@code operations}, and nothing else. */
    static JsonNode allowOnly(JsonNode request) throws Exception {
        ResourceType type = ResourceType.fromString(request.get("type").asText());
        String name = request.get("name").asText();
        List<AclBinding> rows = new ArrayList<>();
        for (JsonNode operation : request.get("operations")) {
            rows.add(new AclBinding(
                new ResourcePattern(type, name, PatternType.LITERAL),
                new AccessControlEntry("User:*", "*", AclOperation.fromString(operation.asText()), AclPermissionType.ALLOW)));
        }
        Admins.of(request).deleteAcls(List.of(new AclBindingFilter(
            new ResourcePatternFilter(type, name, PatternType.LITERAL), AccessControlEntryFilter.ANY))).all().get();
        Admins.of(request).createAcls(rows).all().get();
        return Tool.JSON.nullNode();
    }
}
