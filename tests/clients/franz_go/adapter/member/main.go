// A member of a group as a process: member BOOTSTRAP TOPIC GROUP STRATEGY, with events as tests/clients/members.py has them. It leaves when its stdin ends.
package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

var saying sync.Mutex

func say(event map[string]any) {
	line, _ := json.Marshal(event)
	saying.Lock()
	defer saying.Unlock()
	os.Stdout.Write(append(line, '\n'))
}

func tell(what, topic string) func(context.Context, *kgo.Client, map[string][]int32) {
	return func(_ context.Context, _ *kgo.Client, found map[string][]int32) {
		if len(found[topic]) > 0 {
			say(map[string]any{what: found[topic]})
		}
	}
}

func main() {
	topic := os.Args[2]
	balancer := map[string]kgo.GroupBalancer{"range": kgo.RangeBalancer(), "cooperative-sticky": kgo.CooperativeStickyBalancer()}[os.Args[4]]
	client, err := kgo.NewClient(
		kgo.SeedBrokers(os.Args[1]), kgo.ConsumerGroup(os.Args[3]), kgo.ConsumeTopics(topic), kgo.Balancers(balancer),
		kgo.SessionTimeout(3*time.Second), kgo.HeartbeatInterval(300*time.Millisecond), kgo.FetchMaxWait(100*time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(),
		kgo.OnPartitionsAssigned(tell("assigned", topic)), kgo.OnPartitionsRevoked(tell("revoked", topic)), kgo.OnPartitionsLost(tell("revoked", topic)),
	)
	if err != nil {
		panic(err)
	}
	ctx, leave := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		leave()
	}()
	for ctx.Err() == nil {
		step(ctx, client)
		client.AllowRebalance()
	}
	client.CloseAllowingRebalance()
}

func step(ctx context.Context, client *kgo.Client) {
	found := client.PollFetches(ctx)
	found.EachPartition(func(part kgo.FetchTopicPartition) {
		rows := [][2]any{}
		for _, one := range part.Records {
			rows = append(rows, [2]any{one.Offset, string(one.Value)})
		}
		if len(rows) > 0 {
			say(map[string]any{"read": part.Partition, "records": rows})
		}
	})
	if found.NumRecords() == 0 {
		return
	}
	limited, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := client.CommitUncommittedOffsets(limited); err != nil {
		say(map[string]any{"refused": err.Error()})
	}
}
