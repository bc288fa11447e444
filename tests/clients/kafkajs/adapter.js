// kafkajs behind the scenarios: JSON lines as tests/clients/adapters.py has them. It reads as the only member of a new group, since it has no other way. Argument: bootstrap address.
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

const text = data => data === null || data === undefined ? null : Buffer.from(data).toString('base64')
const pairsOf = headers => Object.entries(headers || {}).flatMap(([name, values]) => [].concat(values).map(value => [name, text(value)]))
const say = answer => process.stdout.write(JSON.stringify(answer) + '\n')
let groups = 0

/** Where reading begins: an offset. */
const placeOf = (topic, partition, begin) => withClient(kafka.admin(), async admin => {
  if (typeof begin === 'number') return begin
  const rows = typeof begin === 'object' ? await admin.fetchTopicOffsetsByTimestamp(topic, begin.timestamp) : await admin.fetchTopicOffsets(topic)
  const row = rows.find(one => one.partition === partition)
  return Number(begin === 'start' ? row.low : begin === 'end' ? row.high : row.offset)
})

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

  read: async ({ topic, partition, begin, count }) => {
    const place = await placeOf(topic, partition, begin)
    say({ ready: true })
    const consumer = kafka.consumer({ groupId: `scenarios-${process.pid}-${Date.now()}-${groups++}`, maxWaitTimeInMs: 100, retry: { retries: 3 } })
    return withClient(consumer, async () => {
      const records = []
      await consumer.subscribe({ topics: [topic] })
      await new Promise((resolve, reject) => {
        consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
        consumer.run({
          autoCommit: false,
          eachMessage: async ({ partition: from, message }) => {
            if (from !== partition || records.length === count) return
            records.push([Number(message.offset), { k: text(message.key), v: text(message.value), h: pairsOf(message.headers), t: Number(message.timestamp) }])
            if (records.length === count) resolve()
          }
        }).catch(reject)
        consumer.seek({ topic, partition, offset: String(place) })
      })
      return { records }
    })
  },

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
    say(answer)
  }
}

main().catch(error => { console.error(error); process.exit(1) })
