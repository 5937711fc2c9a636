package kit;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/**
 * The file of records that goes between the tests and this tool, big-endian, read by the tests' {@code record_file} module:
 * {@code 1, topic, partition int32, offset int64, timestamp int64, timestamp type int8, key, value, header count int32, (name, value)...}
 * for each record and {@code 0, record count int64} at the end. Topic, key, name and value are an int32 length and that many bytes; length
 * -1 is null. Partition -1 leaves the choice to the partitioner, timestamp -1 is no timestamp.
 */
final class RecordFile {
    static final int END = 0;
    static final int RECORD = 1;

    private RecordFile() {}

    static byte[] readBytes(DataInputStream in) throws IOException {
        int length = in.readInt();
        if (length < 0) {
            return null;
        }
        byte[] bytes = new byte[length];
        in.readFully(bytes);
        return bytes;
    }

    static String readText(DataInputStream in) throws IOException {
        return new String(readBytes(in), StandardCharsets.UTF_8);
    }

    static void writeBytes(DataOutputStream out, byte[] bytes) throws IOException {
        if (bytes == null) {
            out.writeInt(-1);
            return;
        }
        out.writeInt(bytes.length);
        out.write(bytes);
    }
}
