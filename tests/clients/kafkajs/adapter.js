// kafkajs behind the scenarios: JSON lines as tests/clients/adapters.py has them, all but "read". Argument: bootstrap address.
const readline = require('readline')
const { Kafka, CompressionTypes, logLevel } = require('kafkajs')

const RECORDS_PER_BATCH = 100   // kafkajs makes one batch of what one send has for a partition
const CODECS = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP }

const kafka = new Kafka({ clientId: 'scenarios', brokers: [process.argv[2]], logLevel: logLevel.ERROR, retry: { retries: 3 } })
const bytes = text => text === null ? null : Buffer.from(text, 'base64')

/** Pairs as kafkajs wants them: an object, an array where a name comes again. */
const headersOf = pairs => {
  const headers = {}
  for (const [name, text] of pairs) {
    const value = bytes(text)
    headers[name] = name in headers ? [].concat(headers[name], value) : value
  }
  return headers
}

const withClient = async (client, work) => {
  await client.connect()
  try { return await work(client) } finally { await client.disconnect() }
}

const commands = {
  create: ({ topic, partitions }) => withClient(kafka.admin(), async admin => {
    if (!await admin.createTopics({ topics: [{ topic, numPartitions: partitions, replicationFactor: 1 }] })) throw new Error('not created')
    const metadata = await admin.fetchTopicMetadata({ topics: [topic] })
    return { partitions: metadata.topics[0].partitions.length }
  }),

  write: ({ topic, partition, codec, records }) => withClient(kafka.producer({ idempotent: true, maxInFlightRequests: 1 }), async producer => {
    const offsets = []
    for (let at = 0; at < records.length; at += RECORDS_PER_BATCH) {
      const messages = records.slice(at, at + RECORDS_PER_BATCH)
        .map(({ k, v, h, t }) => ({ key: bytes(k), value: bytes(v), headers: headersOf(h), timestamp: String(t), partition }))
      const [answer] = await producer.send({ topic, messages, acks: -1, compression: CODECS[codec] })
      for (let n = 0; n < messages.length; n++) offsets.push(Number(answer.baseOffset) + n)
    }
    return { offsets }
  }),

  offsets: ({ topic, partition, timestamp }) => withClient(kafka.admin(), async admin => {
    const end = (await admin.fetchTopicOffsets(topic)).find(row => row.partition === partition)
    const at = (await admin.fetchTopicOffsetsByTimestamp(topic, timestamp)).find(row => row.partition === partition)
    return { low: Number(end.low), high: Number(end.high), at: Number(at.offset) }
  })
}

const main = async () => {
  for await (const line of readline.createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    const request = JSON.parse(line)
    let answer
    try { answer = await commands[request.do](request) } catch (error) { answer = { error: `${error.stack}` } }
    process.stdout.write(JSON.stringify(answer) + '\n')
  }
}

main().catch(error => { console.error(error); process.exit(1) })
