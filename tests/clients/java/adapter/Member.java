import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.*;
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** A member of a group as a process: Member BOOTSTRAP TOPIC GROUP STRATEGY, with events as tests/clients/members.py has them. It leaves when its stdin ends. */
public class Member {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final PrintStream OUTPUT = new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);
    private static volatile boolean leaving;

    private static void say(ObjectNode event) {
        try {
            OUTPUT.print(JSON.writeValueAsString(event) + "\n");
            OUTPUT.flush();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private static void say(String what, Collection<TopicPartition> partitions) {
        ObjectNode event = JSON.createObjectNode();
        ArrayNode rows = event.putArray(what);
        partitions.stream().map(TopicPartition::partition).sorted().forEach(rows::add);
        say(event);
    }

    private static Properties properties(String bootstrap, String group, String strategy) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        properties.put("group.id", group);
        properties.put("enable.auto.commit", "false");
        properties.put("auto.offset.reset", "earliest");
        properties.put("group.protocol", strategy.equals("consumer") ? "consumer" : "classic");
        if (!strategy.equals("consumer")) {
            properties.put("partition.assignment.strategy", "org.apache.kafka.clients.consumer." + strategy);
            properties.put("session.timeout.ms", "3000");
            properties.put("heartbeat.interval.ms", "300");
        }
        return properties;
    }

    public static void main(String[] arguments) {
        Thread input = new Thread(() -> {
            try {
                while (System.in.read() >= 0) { }
            } catch (IOException error) {
                // The end, as any other.
            }
            leaving = true;
        });
        input.setDaemon(true);
        input.start();
        var listener = new ConsumerRebalanceListener() {
            @Override public void onPartitionsRevoked(Collection<TopicPartition> partitions) { say("revoked", partitions); }
            @Override public void onPartitionsAssigned(Collection<TopicPartition> partitions) { say("assigned", partitions); }
            @Override public void onPartitionsLost(Collection<TopicPartition> partitions) { say("revoked", partitions); }
        };
        var bytes = new ByteArrayDeserializer();
        try (var consumer = new KafkaConsumer<>(properties(arguments[0], arguments[2], arguments[3]), bytes, bytes)) {
            consumer.subscribe(List.of(arguments[1]), listener);
            while (!leaving) step(consumer);
        }
    }

    private static void step(KafkaConsumer<byte[], byte[]> consumer) {
        ConsumerRecords<byte[], byte[]> found = consumer.poll(Duration.ofMillis(100));
        for (TopicPartition place : found.partitions()) {
            ObjectNode event = JSON.createObjectNode().put("read", place.partition());
            ArrayNode rows = event.putArray("records");
            for (var record : found.records(place)) rows.addArray().add(record.offset()).add(new String(record.value(), StandardCharsets.UTF_8));
            say(event);
        }
        if (found.isEmpty()) return;
        try {
            consumer.commitSync(Duration.ofSeconds(20));
        } catch (KafkaException error) {
            say(JSON.createObjectNode().put("refused", error.toString()));
        }
    }
}
