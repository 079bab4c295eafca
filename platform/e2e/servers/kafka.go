package servers

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/freshet-dw/freshet/pkg/kafka"
	"github.com/freshet-dw/freshet/platform/embed/port"
)

// KafkaVersion is the version of maven/kafka/pom.xml.
const KafkaVersion = "4.4.0"

// kafkaCluster is any cluster id: 16 bytes as base64.
const kafkaCluster = "MkU3OEVBNTcwNTJENDM2Qg"

// quick are the options of a JVM that lives for a test.
var quick = []string{"-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"}

// StartKafka starts one KRaft node, broker and controller, on the data in dir.
func StartKafka(ctx context.Context, dir string) (*Server, error) {
	jre, err := java(ctx)
	if err != nil {
		return nil, err
	}
	libs, err := installed(ctx, "kafka", KafkaVersion, jars("kafka"))
	if err != nil {
		return nil, err
	}
	if dir, err = folder(dir); err != nil {
		return nil, err
	}
	p, err := port.Free(ctx, 2)
	if err != nil {
		return nil, err
	}
	settings := []string{
		"process.roles=broker,controller", "node.id=1",
		"controller.quorum.voters=1@" + local(p[1]),
		"listeners=PLAINTEXT://" + local(p[0]) + ",CONTROLLER://" + local(p[1]),
		"advertised.listeners=PLAINTEXT://" + local(p[0]),
		"controller.listener.names=CONTROLLER", "inter.broker.listener.name=PLAINTEXT",
		"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"log.dirs=" + filepath.Join(dir, "data"),
		"auto.create.topics.enable=false", "num.partitions=4",
		// one node
		"offsets.topic.replication.factor=1", "offsets.topic.num.partitions=4",
		"transaction.state.log.replication.factor=1", "transaction.state.log.min.isr=1", "transaction.state.log.num.partitions=4",
		"share.coordinator.state.topic.replication.factor=1", "share.coordinator.state.topic.min.isr=1", "share.coordinator.state.topic.num.partitions=1",
		// no waiting in tests; after kill -9 the old session must end first
		"group.initial.rebalance.delay.ms=0", "broker.session.timeout.ms=2000", "broker.heartbeat.interval.ms=500",
		"num.network.threads=2", "num.io.threads=4", "log.cleaner.dedupe.buffer.size=4194304",
	}
	conf := filepath.Join(dir, "server.properties")
	logging := filepath.Join(dir, "log4j2.properties")
	err = errors.Join(
		os.WriteFile(conf, []byte(strings.Join(settings, "\n")+"\n"), 0o644),
		os.WriteFile(logging, []byte(kafkaLogging), 0o644),
	)
	if err != nil {
		return nil, err
	}
	class := append([]string{jre}, quick...)
	class = append(class, "-Dlog4j2.configurationFile="+logging, "-cp", filepath.Join(libs, "*"))
	if _, err := os.Stat(filepath.Join(dir, "data", "meta.properties")); errors.Is(err, fs.ErrNotExist) {
		format := append(class[:len(class):len(class)], "kafka.tools.StorageTool", "format", "--cluster-id="+kafkaCluster, "-c", conf)
		if err := once(ctx, dir, format...); err != nil {
			return nil, fmt.Errorf("format Kafka's storage: %w", err)
		}
	}
	s := &Server{name: "kafka", Addr: local(p[0]), timeout: time.Minute, args: append(class[:len(class):len(class)], "kafka.Kafka", conf)}
	s.args = append([]string{jre, "-Xms256m", "-Xmx256m"}, s.args[1:]...)
	s.ready = func(ctx context.Context) error {
		c, err := kafka.NewClient(kafka.Config{Brokers: []string{s.Addr}})
		if err != nil {
			return err
		}
		defer c.Close()
		return kafka.Ping(ctx, c)
	}
	return s.run(ctx, dir)
}

const kafkaLogging = `rootLogger.level = WARN
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %-5p [%t] %c{2}: %.-1000m%n
`
