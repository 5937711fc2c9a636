package kit;

import java.io.IOException;
import java.io.PrintStream;
import java.util.Arrays;

/**
 * Starts any main class in a JVM that cannot outlive the test process: the test holds the other end of this
 * process's standard input, and when that end closes, for whatever reason, the JVM halts.
 *
 * <p>{@code Supervised [--format CLUSTER_ID server.properties] MAIN_CLASS ARGUMENTS...}: with {@code --format} the KRaft log directory
 * is formatted in this same JVM first, which saves a whole JVM start per broker.
 */
public final class Supervised {
    private Supervised() {}

    public static void main(String[] arguments) throws Exception {
        haltWhenInputCloses();
        int next = 0;
        if (arguments[0].equals("--format")) {
            format(arguments[1], arguments[2]);
            next = 3;
        }
        String[] rest = Arrays.copyOfRange(arguments, next + 1, arguments.length);
        Class.forName(arguments[next]).getMethod("main", String[].class).invoke(null, (Object) rest);
    }

    static void haltWhenInputCloses() {
        Thread watch = new Thread(() -> {
            try {
                while (System.in.read() >= 0) { }
            } catch (IOException closed) {
                // The same as the end of the input.
            }
            Runtime.getRuntime().halt(137);
        }, "input-watch");
        watch.setDaemon(true);
        watch.start();
    }

    /** A static forwarder of the Scala object up to 3.x, a plain Java method from 4.x on: the same signature. */
    private static void format(String clusterId, String properties) throws Exception {
        String[] arguments = {"format", "--ignore-formatted", "-t", clusterId, "-c", properties};
        Object code = Class.forName("kafka.tools.StorageTool")
            .getMethod("execute", String[].class, PrintStream.class)
            .invoke(null, arguments, System.out);
        if (!Integer.valueOf(0).equals(code)) {
            System.err.println("formatting the log directory failed with " + code);
            System.exit(70);
        }
    }
}
