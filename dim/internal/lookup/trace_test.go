package lookup

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/layer"
	"github.com/freshet-dw/freshet/pkg/sql"
	"github.com/freshet-dw/freshet/pkg/warehouse"
)

const traceTables = `
CREATE TABLE users (id BIGINT, name STRING, city INT, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'kafka', 'topic' = 'users', 'format' = 'canal-json');
CREATE TABLE guests (id INT, name STRING, city INT, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'upsert-kafka', 'topic' = 'guests', 'key.format' = 'json', 'value.format' = 'json');
CREATE TABLE cities (city INT, area STRING, PRIMARY KEY (city) NOT ENFORCED) WITH ('connector' = 'kafka', 'topic' = 'cities', 'format' = 'canal-json');
CREATE TABLE dim (k STRING, v STRING, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'redis', 'key' = 'd:{k}', 'address' = '127.0.0.1:1');
CREATE TABLE dim2 (k BIGINT, n INT, v STRING, PRIMARY KEY (k, n) NOT ENFORCED) WITH ('connector' = 'redis', 'key' = 'e:{k}:{n}', 'address' = '127.0.0.1:1');
`

func compile(t *testing.T, insert string) *sql.Script {
	t.Helper()
	d := warehouse.Deps{}
	d.Config.Kafka.Brokers = []string{"127.0.0.1:1"}
	s, err := sql.Compile("dim.sql", traceTables+insert, sql.Options{Describer: layer.Connectors(d)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOrigins(t *testing.T) {
	for _, c := range []struct{ insert, want string }{
		{"INSERT INTO dim SELECT CAST(id AS STRING), name FROM users", "users: CAST(id AS STRING)"},
		{"INSERT INTO dim SELECT CONCAT('u', CAST(id AS STRING)), name FROM users WHERE city > 3", "users: CONCAT('u', CAST(id AS STRING))"},
		{"INSERT INTO dim2 SELECT id, city, name FROM users", "users: id, city"},
		{"INSERT INTO dim2 SELECT id, city, name FROM users UNION ALL SELECT CAST(id AS BIGINT), city, name FROM guests", "users: id, city; guests: CAST(id AS BIGINT), city"},
		{"INSERT INTO dim SELECT CAST(city AS STRING), CAST(COUNT(*) AS STRING) FROM users GROUP BY city", "users: CAST(city AS STRING)"},
		{"INSERT INTO dim SELECT CAST(MAX(id) AS STRING), name FROM users GROUP BY name", "users: ?"},
		{"INSERT INTO dim SELECT CAST(u.id AS STRING), c.area FROM users u JOIN cities c ON u.city = c.city", "users: CAST(id AS STRING); cities: ?"},
		{"INSERT INTO dim SELECT CAST(c.city AS STRING), u.name FROM users u JOIN cities c ON u.city = c.city", "users: CAST(city AS STRING); cities: CAST(city AS STRING)"},
	} {
		var got []string
		for _, o := range origins(compile(t, c.insert+";").Plan.Sinks[0]) {
			text := o.source.Table.Name + ": ?"
			if o.key != nil {
				var parts []string
				for _, e := range o.key {
					parts = append(parts, e.String())
				}
				text = o.source.Table.Name + ": " + strings.Join(parts, ", ")
			}
			got = append(got, text)
		}
		slices.Sort(got)
		want := strings.Split(c.want, "; ")
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s\n got %q\nwant %q", c.insert, got, want)
		}
	}
}

// What records of a topic drop from the cache.
func TestChangedKeys(t *testing.T) {
	canal := func(kind, data, old string) string {
		return `{"data":[` + data + `],"old":[` + old + `],"type":"` + kind + `","isDdl":false,"es":1}`
	}
	for _, c := range []struct {
		name, insert, key, value string
		want                     string // keys; "*": all of them
	}{
		{"insert", "INSERT INTO dim SELECT CAST(id AS STRING), name FROM users", "", canal("INSERT", `{"id":"7","name":"a","city":"1"}`, ""), "7"},
		{"update", "INSERT INTO dim SELECT CAST(id AS STRING), name FROM users", "", canal("UPDATE", `{"id":"7","name":"a","city":"1"}`, `{"name":"b"}`), "7"},
		{"an update of the key changes both", "INSERT INTO dim SELECT name, CAST(id AS STRING) FROM users", "", canal("UPDATE", `{"id":"7","name":"a","city":"1"}`, `{"name":"b"}`), "a b"},
		{"delete", "INSERT INTO dim SELECT CAST(id AS STRING), name FROM users", "", canal("DELETE", `{"id":"7","name":"a","city":"1"}`, ""), "7"},
		{"two columns", "INSERT INTO dim2 SELECT id, city, name FROM users", "", canal("INSERT", `{"id":"7","name":"a","city":"1"}`, ""), "1:71:1"},
		{"no record", "INSERT INTO dim SELECT CAST(id AS STRING), name FROM users", "", "{", ""},
		{"null key", "INSERT INTO dim SELECT name, name FROM users", "", canal("INSERT", `{"id":"7","name":null,"city":"1"}`, ""), ""},
		{"tombstone", "INSERT INTO dim SELECT CAST(id AS STRING), name FROM guests", `{"id":9}`, "", "9"},
		{"key in the value of an upsert", "INSERT INTO dim SELECT name, name FROM guests", `{"id":9}`, `{"id":9,"name":"a"}`, "*"},
		{"aggregate", "INSERT INTO dim SELECT CAST(MAX(id) AS STRING), name FROM users GROUP BY name", "", canal("INSERT", `{"id":"7","name":"a","city":"1"}`, ""), "*"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _, _, _ := fixture(t, nil)
			cs, err := s.add(compile(t, c.insert+";").Plan.Sinks[0], "job", ".", time.UTC)
			if err != nil || len(cs) != 1 {
				t.Fatalf("%d changes, %v", len(cs), err)
			}
			tb := cs[0].table
			cs[0].apply(partition{}, []format.Message{{Key: []byte(c.key), Value: []byte(c.value)}}, []int64{5})
			var got []string
			for i := range tb.cache.shards {
				for k := range tb.cache.shards[i].marks {
					got = append(got, k)
				}
			}
			if len(tb.cache.all) > 0 {
				got = append(got, "*")
			}
			slices.Sort(got)
			if text := strings.Join(got, " "); text != c.want {
				t.Fatalf("got %q, want %q", text, c.want)
			}
		})
	}
}
