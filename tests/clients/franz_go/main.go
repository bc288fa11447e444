// franz-go against a running broker: create by auto-creation, produce with every codec (idempotent by default), read from the start.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	bootstrap, topic := os.Args[1], os.Args[2]
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	codecs := []struct {
		name  string
		codec kgo.CompressionCodec
	}{{"none", kgo.NoCompression()}, {"gzip", kgo.GzipCompression()}, {"snappy", kgo.SnappyCompression()}, {"lz4", kgo.Lz4Compression()}, {"zstd", kgo.ZstdCompression()}}
	count := 0
	for _, one := range codecs {
		client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.AllowAutoTopicCreation(), kgo.ProducerBatchCompression(one.codec), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		must(err)
		for i := 0; i < 200; i++ {
			record := &kgo.Record{Topic: topic, Partition: 0, Key: []byte(fmt.Sprint("key", count)), Value: []byte(fmt.Sprint("value", count)), Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("x")}}}
			client.Produce(ctx, record, func(_ *kgo.Record, err error) { must(err) })
			count++
		}
		must(client.Flush(ctx))
		client.Close()
		fmt.Println("wrote", one.name)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	must(err)
	read := 0
	for read < count {
		fetches := client.PollFetches(ctx)
		fetches.EachError(func(_ string, _ int32, err error) { must(err) })
		fetches.EachRecord(func(record *kgo.Record) {
			if record.Offset != int64(read) || string(record.Value) != fmt.Sprint("value", read) || len(record.Headers) != 1 {
				must(fmt.Errorf("record %d is %v", read, record))
			}
			read++
		})
	}
	client.Close()
	fmt.Println("read", read)
}
