// Package connectors is the full set of connectors with the warehouse's addresses.
package connectors

import (
	"github.com/freshet-dw/freshet/pkg/clickhouse"
	"github.com/freshet-dw/freshet/pkg/connector"
	"github.com/freshet-dw/freshet/pkg/connector/blackhole"
	chsink "github.com/freshet-dw/freshet/pkg/connector/clickhouse"
	"github.com/freshet-dw/freshet/pkg/connector/datagen"
	"github.com/freshet-dw/freshet/pkg/connector/filesystem"
	hbasetable "github.com/freshet-dw/freshet/pkg/connector/hbase"
	kafkatable "github.com/freshet-dw/freshet/pkg/connector/kafka"
	mysqltable "github.com/freshet-dw/freshet/pkg/connector/mysql"
	"github.com/freshet-dw/freshet/pkg/connector/print"
	redistable "github.com/freshet-dw/freshet/pkg/connector/redis"
	"github.com/freshet-dw/freshet/pkg/hbase"
	"github.com/freshet-dw/freshet/pkg/kafka"
	"github.com/freshet-dw/freshet/pkg/mysql"
	"github.com/freshet-dw/freshet/pkg/redis"
)

// Config is where tables go that name no address of their own.
type Config struct {
	Kafka      kafka.Config
	MySQL      mysql.Config
	Redis      redis.Config
	HBase      hbase.Config
	ClickHouse clickhouse.Config
	DeadLetter string
	// Lake is the directory that relative paths of the filesystem connector are in.
	Lake string
}

// New makes the set.
func New(c Config) *connector.Set {
	return connector.NewSet(
		&kafkatable.Connector{Client: c.Kafka, DeadLetter: c.DeadLetter},
		&mysqltable.Connector{Client: c.MySQL},
		&redistable.Connector{Client: c.Redis},
		&hbasetable.Connector{Client: c.HBase},
		&chsink.Connector{Client: c.ClickHouse},
		&filesystem.Connector{Lake: c.Lake},
		datagen.Connector{}, &print.Connector{}, blackhole.Connector{},
	)
}
