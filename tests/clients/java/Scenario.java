import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.*;

/** create, write (every codec, idempotent by default), read from start, offset and time. Prints one line per thing that held; the test compares. */
public class Scenario {
    public static void main(String[] arguments) throws Exception {
        String bootstrap = arguments[0], topic = arguments[1];
        long time = 1_700_000_000_000L;
        Properties common = new Properties();
        common.put("bootstrap.servers", bootstrap);
        try (Admin admin = Admin.create(common)) {
            admin.createTopics(List.of(new NewTopic(topic, 2, (short) 1))).all().get();
            System.out.println("created " + admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size());
            System.out.println("nodes " + admin.describeCluster().nodes().get().size());
            var resource = new org.apache.kafka.common.config.ConfigResource(org.apache.kafka.common.config.ConfigResource.Type.TOPIC, topic);
            System.out.println("retention " + admin.describeConfigs(List.of(resource)).all().get().get(resource).get("retention.ms").value());
        }
        int count = 0;
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            Properties properties = new Properties();
            properties.putAll(common);
            properties.put("compression.type", codec);
            properties.put("linger.ms", "5");
            try (var producer = new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer())) {
                List<Future<RecordMetadata>> sent = new ArrayList<>();
                for (int i = 0; i < 200; i++, count++) {
                    byte[] key = i % 3 == 0 ? null : ("key" + i).getBytes(StandardCharsets.UTF_8), value = i % 50 == 7 ? null : ("value" + count).getBytes(StandardCharsets.UTF_8);
                    var record = new ProducerRecord<>(topic, 0, time + count, key, value);
                    if (i % 5 == 0) record.headers().add("h", new byte[] {1});
                    sent.add(producer.send(record));
                }
                for (int i = 0; i < 200; i++)
                    if (sent.get(i).get().offset() != count - 200 + i) throw new IllegalStateException("offset " + sent.get(i).get().offset());
            }
            System.out.println("wrote " + codec);
        }
        Properties properties = new Properties();
        properties.putAll(common);
        properties.put("enable.auto.commit", "false");
        TopicPartition place = new TopicPartition(topic, 0);
        try (var consumer = new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.assign(List.of(place));
            consumer.seekToBeginning(List.of(place));
            int read = 0;
            while (read < count)
                for (var record : consumer.poll(Duration.ofSeconds(10))) {
                    if (record.offset() != read || record.timestamp() != time + read) throw new IllegalStateException("record " + record);
                    int i = read % 200;
                    String value = record.value() == null ? null : new String(record.value(), StandardCharsets.UTF_8);
                    if (!Objects.equals(value, i % 50 == 7 ? null : "value" + read)) throw new IllegalStateException("value " + value);
                    if (record.headers().toArray().length != (i % 5 == 0 ? 1 : 0)) throw new IllegalStateException("headers of " + read);
                    read++;
                }
            System.out.println("read " + read);
            System.out.println("at " + consumer.offsetsForTimes(Map.of(place, time + 500)).get(place).offset());
            System.out.println("ends " + consumer.beginningOffsets(List.of(place)).get(place) + " " + consumer.endOffsets(List.of(place)).get(place));
            consumer.seek(place, 990);
            System.out.println("from 990 " + consumer.poll(Duration.ofSeconds(10)).iterator().next().offset());
        }
        try (Admin admin = Admin.create(common)) {
            admin.deleteTopics(List.of(topic)).all().get();
            System.out.println("deleted");
        }
    }
}
