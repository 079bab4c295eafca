package servers

import (
	"context"
	"encoding/xml"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/freshet-dw/freshet/platform/embed/port"
)

// HBaseVersion is the version of maven/hbase/pom.xml.
const HBaseVersion = "2.6.4-hadoop3"

// hbaseOpens are the doors into the JDK that HBase needs on Java 17.
var hbaseOpens = []string{
	"--add-modules=jdk.unsupported", "--add-opens=java.base/java.nio=ALL-UNNAMED", "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
	"--add-opens=java.base/java.lang=ALL-UNNAMED", "--add-opens=java.base/jdk.internal.ref=ALL-UNNAMED", "--add-opens=java.base/java.lang.reflect=ALL-UNNAMED",
	"--add-opens=java.base/java.util=ALL-UNNAMED", "--add-opens=java.base/java.util.concurrent=ALL-UNNAMED",
	"--add-exports=java.base/jdk.internal.misc=ALL-UNNAMED", "--add-exports=java.security.jgss/sun.security.krb5=ALL-UNNAMED",
}

type hbaseProperty struct {
	Name  string `xml:"name"`
	Value string `xml:"value"`
}

// StartHBase starts a standalone HBase on the data in dir: ZooKeeper, master and region server in one process. Server.Addr is its ZooKeeper.
func StartHBase(ctx context.Context, dir string) (*Server, error) {
	jre, err := java(ctx)
	if err != nil {
		return nil, err
	}
	libs, err := installed(ctx, "hbase", HBaseVersion, jars("hbase"))
	if err != nil {
		return nil, err
	}
	if dir, err = folder(dir); err != nil {
		return nil, err
	}
	p, err := port.Free(ctx, 3)
	if err != nil {
		return nil, err
	}
	site := []hbaseProperty{
		{"hbase.cluster.distributed", "false"},
		{"hbase.rootdir", "file://" + filepath.Join(dir, "root")},
		{"hbase.tmp.dir", filepath.Join(dir, "tmp")},
		{"hbase.wal.provider", "filesystem"},
		{"hbase.unsafe.stream.capability.enforce", "false"}, // the local file system has no hflush
		{"hbase.zookeeper.quorum", "127.0.0.1"},
		{"hbase.zookeeper.property.clientPort", strconv.Itoa(p[0])},
		{"hbase.zookeeper.property.clientPortAddress", "127.0.0.1"},
		{"hbase.zookeeper.property.dataDir", filepath.Join(dir, "zookeeper")},
		{"hbase.zookeeper.property.admin.enableServer", "false"},
		{"hbase.zookeeper.property.tickTime", "2000"},
		{"zookeeper.session.timeout", "90000"}, // a busy machine is no dead server
		// all of it on loopback
		{"hbase.master.hostname", "localhost"}, {"hbase.regionserver.hostname", "localhost"},
		{"hbase.master.ipc.address", "127.0.0.1"}, {"hbase.regionserver.ipc.address", "127.0.0.1"},
		{"hbase.master.port", strconv.Itoa(p[1])}, {"hbase.regionserver.port", strconv.Itoa(p[2])},
		{"hbase.master.info.port", "-1"}, {"hbase.regionserver.info.port", "-1"},
		{"hbase.localcluster.assign.random.ports", "false"},
		// a quick start
		{"hbase.master.wait.on.regionservers.mintostart", "1"}, {"hbase.master.wait.on.regionservers.maxtostart", "1"},
		{"hbase.master.wait.on.regionservers.interval", "100"}, {"hbase.master.wait.on.regionservers.timeout", "500"},
		{"hbase.regionserver.msginterval", "500"}, {"hbase.procedure.remote.dispatcher.delay.msec", "10"},
		{"hbase.regionserver.handler.count", "10"}, {"hbase.regionserver.metahandler.count", "6"},
		{"hfile.block.cache.size", "0.2"}, {"hbase.regionserver.global.memstore.size", "0.4"},
		{"hbase.balancer.period", "3600000"},
	}
	doc, err := xml.MarshalIndent(struct {
		XMLName    xml.Name        `xml:"configuration"`
		Properties []hbaseProperty `xml:"property"`
	}{Properties: site}, "", " ")
	if err != nil {
		return nil, err
	}
	conf := filepath.Join(dir, "conf")
	err = errors.Join(
		os.MkdirAll(conf, 0o755),
		os.WriteFile(filepath.Join(conf, "hbase-site.xml"), doc, 0o644),
		os.WriteFile(filepath.Join(conf, "log4j.properties"), []byte(hbaseLogging), 0o644),
	)
	if err != nil {
		return nil, err
	}
	args := append([]string{jre, "-Xmx512m"}, quick...)
	args = append(args, "-Djava.net.preferIPv4Stack=true", "-Dorg.apache.hbase.thirdparty.io.netty.tryReflectionSetAccessible=true")
	args = append(args, hbaseOpens...)
	args = append(args, "-cp", conf+string(os.PathListSeparator)+filepath.Join(libs, "*"), "org.apache.hadoop.hbase.master.HMaster", "start")
	s := &Server{name: "hbase", Addr: local(p[0]), timeout: 2 * time.Minute, impatient: true, args: args}
	s.ready = s.logged("Master has completed initialization")
	return s.run(ctx, dir)
}

const hbaseLogging = `log4j.rootLogger=INFO,out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.target=System.err
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d{ISO8601} %-5p [%t] %c{2}: %.1000m%n
`
