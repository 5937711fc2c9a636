package kit;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.ZKUtil;
import org.apache.zookeeper.ZooDefs;
import org.apache.zookeeper.ZooKeeper;

/** The znodes of a ZooKeeper, below the chroot of the connect string: one session per connect string, kept for the life of the tool. */
final class Znodes {
    private static final int SESSION_MS = 10_000;
    private static final long LIMIT_NANOS = 30_000_000_000L;
    private static final Map<String, ZooKeeper> SESSIONS = new ConcurrentHashMap<>();

    /** What is asked of ZooKeeper; may be asked again after a connection broke. */
    interface Question<T> {
        T ask(ZooKeeper session) throws KeeperException, InterruptedException;
    }

    private Znodes() {}

    /** Asks until there is an answer: servers are stopped, killed and started all the time here. */
    static <T> T ask(JsonNode request, Question<T> question) throws Exception {
        String connect = request.get("zookeeper").asText();
        long deadline = System.nanoTime() + LIMIT_NANOS;
        while (true) {
            ZooKeeper session = session(connect);
            try {
                return question.ask(session);
            } catch (KeeperException.ConnectionLossException lost) {
                if (System.nanoTime() > deadline) {
                    throw lost;
                }
                LockSupport.parkNanos(20_000_000);
            } catch (KeeperException.SessionExpiredException expired) {
                if (SESSIONS.remove(connect, session)) {
                    session.close();
                }
                if (System.nanoTime() > deadline) {
                    throw expired;
                }
            }
        }
    }

    private static ZooKeeper session(String connect) {
        return SESSIONS.computeIfAbsent(connect, key -> {
            try {
                return new ZooKeeper(key, SESSION_MS, event -> { });
            } catch (java.io.IOException failure) {
                throw new java.io.UncheckedIOException(failure);
            }
        });
    }

    /** The ZooKeeper is gone: stop asking for it. */
    static JsonNode forget(JsonNode request) throws InterruptedException {
        ZooKeeper session = SESSIONS.remove(request.get("zookeeper").asText());
        if (session != null) {
            // Not close(): it would wait for an answer.
            session.close(0);
        }
        return Tool.JSON.nullNode();
    }

    /** The text of a znode, or null where there is no such znode. */
    static JsonNode get(JsonNode request) throws Exception {
        String text = ask(request, session -> read(session, request.get("path").asText()));
        return text == null ? Tool.JSON.nullNode() : Tool.JSON.getNodeFactory().textNode(text);
    }

    static JsonNode set(JsonNode request) throws Exception {
        ask(request, session -> write(session, request.get("path").asText(), request.get("value").asText()));
        return Tool.JSON.nullNode();
    }

    /** Makes a znode that ends with the session of this tool, as an old consumer makes its own. */
    static JsonNode hold(JsonNode request) throws Exception {
        String path = request.get("path").asText();
        byte[] data = request.get("value").asText().getBytes(StandardCharsets.UTF_8);
        ask(request, session -> {
            parents(session, path);
            return create(session, path, data, CreateMode.EPHEMERAL);
        });
        return Tool.JSON.nullNode();
    }

    /** Names of the children, sorted; none where there is no such znode. */
    static JsonNode children(JsonNode request) throws Exception {
        ArrayNode answer = Tool.JSON.createArrayNode();
        ask(request, session -> list(session, request.get("path").asText())).forEach(answer::add);
        return answer;
    }

    /** Deletes a znode and all below it, if it is there. */
    static JsonNode delete(JsonNode request) throws Exception {
        String path = request.get("path").asText();
        ask(request, session -> session.exists(path, false) == null || ZKUtil.deleteRecursive(session, path, 100));
        return Tool.JSON.nullNode();
    }

    static String read(ZooKeeper session, String path) throws KeeperException, InterruptedException {
        try {
            byte[] data = session.getData(path, false, null);
            return data == null ? "" : new String(data, StandardCharsets.UTF_8);
        } catch (KeeperException.NoNodeException absent) {
            return null;
        }
    }

    static TreeSet<String> list(ZooKeeper session, String path) throws KeeperException, InterruptedException {
        try {
            return new TreeSet<>(session.getChildren(path, false));
        } catch (KeeperException.NoNodeException absent) {
            return new TreeSet<>(List.of());
        }
    }

    /** Makes or changes a znode; parents that are missing are made. */
    static boolean write(ZooKeeper session, String path, String text) throws KeeperException, InterruptedException {
        byte[] data = text.getBytes(StandardCharsets.UTF_8);
        parents(session, path);
        if (!create(session, path, data, CreateMode.PERSISTENT)) {
            session.setData(path, data, -1);
        }
        return true;
    }

    private static void parents(ZooKeeper session, String path) throws KeeperException, InterruptedException {
        for (int end = path.indexOf('/', 1); end > 0; end = path.indexOf('/', end + 1)) {
            create(session, path.substring(0, end), new byte[0], CreateMode.PERSISTENT);
        }
    }

    private static boolean create(ZooKeeper session, String path, byte[] data, CreateMode mode)
            throws KeeperException, InterruptedException {
        try {
            session.create(path, data, ZooDefs.Ids.OPEN_ACL_UNSAFE, mode);
            return true;
        } catch (KeeperException.NodeExistsException already) {
            return false;
        }
    }
}
