import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.*;
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.*;

/** The Java clients behind the scenarios: JSON lines as tests/clients/adapters.py has them. Argument: bootstrap address. */
public class Adapter {
    private static final long STEP_S_MAX = 30;
    private static final ObjectMapper JSON = new ObjectMapper();
    private final Properties common = new Properties();
    private final PrintStream output = new PrintStream(new BufferedOutputStream(new FileOutputStream(FileDescriptor.out), 1 << 16), false, StandardCharsets.UTF_8);

    private Adapter(String bootstrap) {
        common.put("bootstrap.servers", bootstrap);
    }

    public static void main(String[] arguments) throws IOException {
        Adapter adapter = new Adapter(arguments[0]);
        var input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8), 1 << 16);
        for (String line = input.readLine(); line != null; line = input.readLine()) adapter.say(adapter.answer(line));
    }

    private void say(JsonNode answer) throws IOException {
        output.print(JSON.writeValueAsString(answer) + "\n");
        output.flush();
    }

    private JsonNode answer(String line) {
        try {
            JsonNode request = JSON.readTree(line);
            return switch (request.get("do").asText()) {
                case "create" -> create(request);
                case "write" -> write(request);
                case "read" -> read(request);
                default -> throw new IllegalArgumentException("cannot do " + request.get("do"));
            };
        } catch (Exception error) {
            StringWriter text = new StringWriter();
            error.printStackTrace(new PrintWriter(text));
            return JSON.createObjectNode().put("error", text.toString());
        }
    }

    private Properties with(String... pairs) {
        Properties properties = new Properties();
        properties.putAll(common);
        for (int at = 0; at < pairs.length; at += 2) properties.put(pairs[at], pairs[at + 1]);
        return properties;
    }

    private JsonNode create(JsonNode request) throws Exception {
        String topic = request.get("topic").asText();
        try (Admin admin = Admin.create(common)) {
            admin.createTopics(List.of(new NewTopic(topic, request.get("partitions").asInt(), (short) 1))).all().get(STEP_S_MAX, TimeUnit.SECONDS);
            var found = admin.describeTopics(List.of(topic)).allTopicNames().get(STEP_S_MAX, TimeUnit.SECONDS);
            return JSON.createObjectNode().put("partitions", found.get(topic).partitions().size());
        }
    }

    private static byte[] bytes(JsonNode node) throws IOException {
        return node.isNull() ? null : node.binaryValue();
    }

    private JsonNode write(JsonNode request) throws Exception {
        String topic = request.get("topic").asText();
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        Properties properties = with("compression.type", request.get("codec").asText(), "linger.ms", "5", "acks", "all", "enable.idempotence", "true");
        ArrayNode offsets = JSON.createArrayNode();
        try (var producer = new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (JsonNode one : request.get("records")) {
                var record = new ProducerRecord<>(topic, request.get("partition").asInt(), one.get("t").asLong(), bytes(one.get("k")), bytes(one.get("v")));
                for (JsonNode header : one.get("h")) record.headers().add(new RecordHeader(header.get(0).asText(), bytes(header.get(1))));
                sent.add(producer.send(record));
            }
            for (var one : sent) offsets.add(one.get(STEP_S_MAX, TimeUnit.SECONDS).offset());
        }
        return JSON.createObjectNode().set("offsets", offsets);
    }

    private static void seek(KafkaConsumer<byte[], byte[]> consumer, TopicPartition place, JsonNode begin) {
        if (begin.isTextual() && begin.asText().equals("start")) consumer.seekToBeginning(List.of(place));
        else if (begin.isTextual() && begin.asText().equals("end")) consumer.seekToEnd(List.of(place));
        else if (begin.isIntegralNumber()) consumer.seek(place, begin.asLong());
        else consumer.seek(place, consumer.offsetsForTimes(Map.of(place, begin.get("timestamp").asLong())).get(place).offset());
    }

    private JsonNode read(JsonNode request) throws IOException {
        TopicPartition place = new TopicPartition(request.get("topic").asText(), request.get("partition").asInt());
        int count = request.get("count").asInt();
        ArrayNode found = JSON.createArrayNode();
        Properties properties = with("enable.auto.commit", "false", "auto.offset.reset", "none");
        try (var consumer = new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.assign(List.of(place));
            seek(consumer, place, request.get("begin"));
            consumer.position(place);                                        // a place by name is found only when it is asked for
            say(JSON.createObjectNode().put("ready", true));
            while (found.size() < count) {
                var records = consumer.poll(Duration.ofSeconds(STEP_S_MAX));
                if (records.isEmpty()) throw new IllegalStateException(found.size() + " of " + count);
                for (var record : records)
                    if (found.size() < count) found.add(JSON.createArrayNode().add(record.offset()).add(asJson(record)));
            }
        }
        return JSON.createObjectNode().set("records", found);
    }

    private static ObjectNode asJson(ConsumerRecord<byte[], byte[]> record) {
        ObjectNode node = JSON.createObjectNode();
        node.put("k", record.key()).put("v", record.value()).put("t", record.timestamp());
        ArrayNode headers = node.putArray("h");
        for (var header : record.headers()) headers.add(JSON.createArrayNode().add(header.key()).add(header.value()));
        return node;
    }
}
