// A member of a group as a process: node member.js BOOTSTRAP TOPIC GROUP STRATEGY, with events as tests/clients/members.py has them. It leaves when its stdin ends.
const { Kafka, logLevel } = require('kafkajs')

const [bootstrap, topic, group] = process.argv.slice(2)
const say = event => process.stdout.write(JSON.stringify(event) + '\n')
const kafka = new Kafka({ clientId: 'member', brokers: [bootstrap], logLevel: logLevel.NOTHING, retry: { initialRetryTime: 100, maxRetryTime: 1000, retries: 50 } })
const consumer = kafka.consumer({ groupId: group, sessionTimeout: 3000, rebalanceTimeout: 5000, heartbeatInterval: 300, maxWaitTimeInMs: 100, retry: { initialRetryTime: 100, maxRetryTime: 1000, retries: 50 } })

let owned = []
const giveUp = () => { if (owned.length) say({ revoked: owned }); owned = [] }
consumer.on(consumer.events.REBALANCING, giveUp)
consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
  giveUp()
  owned = payload.memberAssignment[topic] || []
  if (owned.length) say({ assigned: owned })
})
consumer.on(consumer.events.CRASH, ({ payload }) => say({ refused: `${payload.error}` }))

const main = async () => {
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({
    eachBatchAutoResolve: false,
    autoCommitThreshold: 1,
    eachBatch: async ({ batch, resolveOffset, commitOffsetsIfNecessary, heartbeat, isRunning, isStale }) => {
      if (!isRunning() || isStale()) return
      say({ read: batch.partition, records: batch.messages.map(message => [Number(message.offset), message.value.toString()]) })
      resolveOffset(batch.lastOffset())
      await commitOffsetsIfNecessary()
      await heartbeat()
    }
  })
  process.stdin.resume()
  process.stdin.on('end', async () => { await consumer.disconnect(); process.exit(0) })
}

main().catch(error => { console.error(error); process.exit(1) })
