// franz-go behind the scenarios: JSON lines as tests/clients/adapters.py has them. Argument: bootstrap address.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const stepMax = 30 * time.Second // the longest that one request may take

// One record. []byte is base64 in JSON, and nil is null.
type record struct {
	Key       []byte   `json:"k"`
	Value     []byte   `json:"v"`
	Headers   [][2]any `json:"h"`
	Timestamp int64    `json:"t"`
}

type request struct {
	Do         string          `json:"do"`
	Topic      string          `json:"topic"`
	Partitions int32           `json:"partitions"`
	Partition  int32           `json:"partition"`
	Codec      string          `json:"codec"`
	Records    []wireRecord    `json:"records"`
	Begin      json.RawMessage `json:"begin"`
	Count      int             `json:"count"`
}

// As record, with header values that are still base64 text.
type wireRecord struct {
	Key       []byte              `json:"k"`
	Value     []byte              `json:"v"`
	Headers   [][]json.RawMessage `json:"h"`
	Timestamp int64               `json:"t"`
}

type answer map[string]any

var codecs = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

func headersOf(pairs [][]json.RawMessage) (headers []kgo.RecordHeader, err error) {
	for _, pair := range pairs {
		var header kgo.RecordHeader
		if err = errors.Join(json.Unmarshal(pair[0], &header.Key), json.Unmarshal(pair[1], &header.Value)); err != nil {
			return nil, err
		}
		headers = append(headers, header)
	}
	return headers, nil
}

func create(ctx context.Context, bootstrap string, ask *request) (answer, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = ask.Topic, ask.Partitions, 1
	create := kmsg.NewPtrCreateTopicsRequest()
	create.TimeoutMillis, create.Topics = 10000, append(create.Topics, topic)
	created, err := create.RequestWith(ctx, client)
	if err != nil {
		return nil, err
	}
	if err = kerr.ErrorForCode(created.Topics[0].ErrorCode); err != nil {
		return nil, err
	}
	one := kmsg.NewMetadataRequestTopic()
	one.Topic = kmsg.StringPtr(ask.Topic)
	metadata := kmsg.NewPtrMetadataRequest()
	metadata.Topics = append(metadata.Topics, one)
	found, err := metadata.RequestWith(ctx, client)
	if err != nil {
		return nil, err
	}
	return answer{"partitions": len(found.Topics[0].Partitions)}, kerr.ErrorForCode(found.Topics[0].ErrorCode)
}

func write(ctx context.Context, bootstrap string, ask *request) (answer, error) {
	codec, known := codecs[ask.Codec]
	if !known {
		return nil, fmt.Errorf("no codec %q", ask.Codec)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.ProducerBatchCompression(codec), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(5*time.Millisecond),
		kgo.ProducerBatchMaxBytes(1_048_000))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	offsets, failures := make([]int64, len(ask.Records)), make([]error, len(ask.Records))
	for n, one := range ask.Records {
		headers, err := headersOf(one.Headers)
		if err != nil {
			return nil, err
		}
		sent := &kgo.Record{Topic: ask.Topic, Partition: ask.Partition, Key: one.Key, Value: one.Value, Headers: headers, Timestamp: time.UnixMilli(one.Timestamp)}
		client.Produce(ctx, sent, func(done *kgo.Record, err error) { offsets[n], failures[n] = done.Offset, err })
	}
	if err = client.Flush(ctx); err != nil {
		return nil, err
	}
	return answer{"offsets": offsets}, errors.Join(failures...)
}

func placeOf(begin json.RawMessage) (kgo.Offset, error) {
	var name string
	if json.Unmarshal(begin, &name) == nil {
		switch name {
		case "start":
			return kgo.NewOffset().AtStart(), nil
		case "end":
			return kgo.NewOffset().AtEnd(), nil
		}
		return kgo.Offset{}, fmt.Errorf("no place %q", name)
	}
	var offset int64
	if json.Unmarshal(begin, &offset) == nil {
		return kgo.NewOffset().At(offset), nil
	}
	var at struct {
		Timestamp int64 `json:"timestamp"`
	}
	err := json.Unmarshal(begin, &at)
	return kgo.NewOffset().AfterMilli(at.Timestamp), err
}

// Tells once that a fetch request was written: its place was found before that.
type firstFetch struct {
	once sync.Once
	tell func()
}

func (hook *firstFetch) OnBrokerWrite(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error) {
	if key == int16(kmsg.Fetch) && err == nil {
		hook.once.Do(hook.tell)
	}
}

func read(ctx context.Context, bootstrap string, ask *request, ready func()) (answer, error) {
	place, err := placeOf(ask.Begin)
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.WithHooks(&firstFetch{tell: ready}), kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{ask.Topic: {ask.Partition: place}}))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	found := make([][2]any, 0, ask.Count)
	for len(found) < ask.Count {
		fetches := client.PollFetches(ctx)
		var failure error
		fetches.EachError(func(_ string, _ int32, err error) { failure = errors.Join(failure, err) })
		if failure != nil {
			return nil, fmt.Errorf("%d of %d: %w", len(found), ask.Count, failure)
		}
		fetches.EachRecord(func(got *kgo.Record) {
			headers := make([][2]any, 0, len(got.Headers))
			for _, header := range got.Headers {
				headers = append(headers, [2]any{header.Key, header.Value})
			}
			if len(found) < ask.Count {
				found = append(found, [2]any{got.Offset, record{got.Key, got.Value, headers, got.Timestamp.UnixMilli()}})
			}
		})
	}
	return answer{"records": found}, nil
}

func serve(bootstrap string, line []byte, say func(answer)) {
	ctx, cancel := context.WithTimeout(context.Background(), stepMax)
	defer cancel()
	var ask request
	var got answer
	err := json.Unmarshal(line, &ask)
	if err == nil {
		switch ask.Do {
		case "create":
			got, err = create(ctx, bootstrap, &ask)
		case "write":
			got, err = write(ctx, bootstrap, &ask)
		case "read":
			got, err = read(ctx, bootstrap, &ask, func() { say(answer{"ready": true}) })
		default:
			err = fmt.Errorf("cannot do %q", ask.Do)
		}
	}
	if err != nil {
		got = answer{"error": err.Error()}
	}
	say(got)
}

func main() {
	input, output := bufio.NewReaderSize(os.Stdin, 1<<20), json.NewEncoder(os.Stdout)
	var lock sync.Mutex // the hook speaks from another goroutine
	say := func(got answer) {
		lock.Lock()
		defer lock.Unlock()
		if err := output.Encode(got); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	for {
		line, err := input.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		serve(os.Args[1], line, say)
	}
}
