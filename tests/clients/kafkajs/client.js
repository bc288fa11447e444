// One command a run: create TOPIC | write TOPIC CODEC (records as JSON on stdin) | offsets TOPIC TIMESTAMP. Answers as JSON on stdout.
const { Kafka, CompressionTypes, logLevel } = require('kafkajs')
const [bootstrap, command, topic, extra] = process.argv.slice(2)
const kafka = new Kafka({ clientId: 'test', brokers: [bootstrap], logLevel: logLevel.ERROR, retry: { retries: 3 } })

const commands = {
  async create () {
    const admin = kafka.admin()
    await admin.connect()
    const created = await admin.createTopics({ topics: [{ topic, numPartitions: 1, replicationFactor: 1 }] })
    const metadata = await admin.fetchTopicMetadata({ topics: [topic] })
    await admin.disconnect()
    return { created, partitions: metadata.topics[0].partitions.length }
  },
  async write () {
    const input = JSON.parse(require('fs').readFileSync(0, 'utf8'))
    const messages = input.map(({ key, value, headers, timestamp }) => ({ key, value, headers, timestamp: String(timestamp), partition: 0 }))
    const producer = kafka.producer({ idempotent: extra === 'gzip' })
    await producer.connect()
    const answer = await producer.send({ topic, messages, acks: -1, compression: extra === 'gzip' ? CompressionTypes.GZIP : CompressionTypes.None })
    await producer.disconnect()
    return answer
  },
  async offsets () {
    const admin = kafka.admin()
    await admin.connect()
    const [ends, at] = [await admin.fetchTopicOffsets(topic), await admin.fetchTopicOffsetsByTimestamp(topic, Number(extra))]
    await admin.disconnect()
    return { low: ends[0].low, high: ends[0].high, at: at[0].offset }
  }
}

commands[command]().then(answer => console.log(JSON.stringify(answer)), error => { console.error(error); process.exit(1) })
