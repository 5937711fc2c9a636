package kit;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * The long-lived helper of one test binary: Kafka's own Java clients behind one JSON request a line on standard input and one JSON answer a
 * line on standard output. Requests run side by side; an answer carries the id of its request. Ends with its input.
 */
public final class Tool {
    static final ObjectMapper JSON = new ObjectMapper();

    private Tool() {}

    public static void main(String[] arguments) throws Exception {
        PrintStream answers = System.out;
        // Whatever a library prints must not get between the answers.
        System.setOut(System.err);
        Operations operations = new Operations();
        ExecutorService workers = Executors.newCachedThreadPool(task -> {
            Thread thread = new Thread(task, "request");
            thread.setDaemon(true);
            return thread;
        });
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = requests.readLine(); line != null; line = requests.readLine()) {
            JsonNode request = JSON.readTree(line);
            workers.execute(() -> answer(answers, operations, request));
        }
        // An orderly exit only where a class archive is being written; else nothing here is worth waiting for.
        if (arguments.length > 0 && arguments[0].equals("--train")) {
            System.exit(0);
        }
        Runtime.getRuntime().halt(0);
    }

    private static void answer(PrintStream answers, Operations operations, JsonNode request) {
        ObjectNode answer = JSON.createObjectNode();
        answer.put("id", request.get("id").asLong());
        try {
            answer.set("ok", operations.run(request.get("op").asText(), request));
        } catch (Throwable failure) {
            Throwable cause = failure instanceof ExecutionException && failure.getCause() != null ? failure.getCause() : failure;
            answer.put("error", cause.getClass().getSimpleName());
            answer.put("message", String.valueOf(cause.getMessage()));
            cause.printStackTrace();
        }
        synchronized (answers) {
            answers.println(answer);
            answers.flush();
        }
    }
}
