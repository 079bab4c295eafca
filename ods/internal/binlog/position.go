package binlog

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// position is a place between two transactions of the binlog. GTID is the set of all transactions before it, in the server's own notation; it
// is empty on servers without GTIDs, where file and offset count.
type position struct {
	File string `json:"file,omitempty"`
	Pos  uint32 `json:"pos,omitempty"`
	GTID string `json:"gtid,omitempty"`
}

func (p position) String() string {
	if p.GTID != "" {
		return p.GTID
	}
	return p.File + ":" + strconv.FormatUint(uint64(p.Pos), 10)
}

// state is what is committed with each batch.
type state struct {
	Version int      `json:"version"`
	Flavor  string   `json:"flavor"`
	At      position `json:"at"`
	// Rows is how many rows of the transaction after At are written already, and Partial its GTID.
	Rows    int    `json:"rows,omitempty"`
	Partial string `json:"partial,omitempty"`
	// Copying is the table of which some rows are written.
	Copying string `json:"copying,omitempty"`
	// Tables are those whose copy is complete. A table that was copied later than At has the position of its copy: transactions
	// up to it are in the copy.
	Tables map[string]*position `json:"tables"`
}

func readState(b []byte, flavor string) (*state, error) {
	st := &state{Version: 1, Flavor: flavor, Tables: map[string]*position{}}
	if b == nil {
		return st, nil
	}
	if err := json.Unmarshal(b, st); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "read the binlog position")
	}
	remedy := "give the source a new ods.binlog.name, under which all tables are copied again"
	if st.Version != 1 {
		return nil, fault.WithRemedy(fault.Newf(fault.Config, "the binlog position has version %d, which is newer than this program", st.Version), remedy)
	}
	if st.Flavor != flavor {
		return nil, fault.WithRemedy(fault.Newf(fault.Config, "the binlog position is of a %s server, this one is %s", st.Flavor, flavor), remedy)
	}
	if st.Tables == nil {
		st.Tables = map[string]*position{}
	}
	return st, nil
}

func (s *state) encode() []byte {
	b, _ := json.Marshal(s) // strings and numbers cannot fail
	return b
}

// gtids is a set of executed transactions. MariaDB has one last transaction per domain; go-mysql's set keeps one per server in it,
// which the server does not take as a starting point.
type gtids struct {
	mariadb map[uint32]mysql.MariadbGTID
	mysql   *mysql.MysqlGTIDSet
}

func parseGTIDs(flavor, s string) (*gtids, error) {
	g := &gtids{mariadb: map[uint32]mysql.MariadbGTID{}}
	if flavor == mysql.MySQLFlavor {
		set, err := mysql.ParseMysqlGTIDSet(s)
		if err != nil {
			return nil, fault.Wrap(fault.Internal, err, "read GTID set %q", s)
		}
		g.mysql = set.(*mysql.MysqlGTIDSet)
		return g, nil
	}
	for one := range strings.SplitSeq(s, ",") {
		if one == "" {
			continue
		}
		if err := g.add(one); err != nil {
			return nil, err
		}
	}
	return g, nil
}

func (g *gtids) add(gtid string) error {
	if g.mysql != nil {
		return fault.Wrap(fault.Internal, g.mysql.Update(gtid), "add GTID %q", gtid)
	}
	one, err := mysql.ParseMariadbGTID(gtid)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "read GTID %q", gtid)
	}
	g.mariadb[one.DomainID] = *one
	return nil
}

func (g *gtids) contains(gtid string) bool {
	if g.mysql != nil {
		one, err := mysql.ParseMysqlGTIDSet(gtid)
		return err == nil && g.mysql.Contain(one)
	}
	one, err := mysql.ParseMariadbGTID(gtid)
	if err != nil {
		return false
	}
	last, ok := g.mariadb[one.DomainID]
	return ok && one.SequenceNumber <= last.SequenceNumber
}

func (g *gtids) String() string {
	if g.mysql != nil {
		return g.mysql.String()
	}
	var out []string
	for _, one := range g.mariadb {
		out = append(out, one.String())
	}
	slices.Sort(out)
	return strings.Join(out, ",")
}

// before tells whether offset pos of a file is at or before p; binlog files are numbered.
func (p position) covers(file string, pos uint32) bool {
	if file == p.File {
		return pos <= p.Pos
	}
	return number(file) < number(p.File)
}

func number(file string) uint64 {
	n, _ := strconv.ParseUint(file[strings.LastIndexByte(file, '.')+1:], 10, 64)
	return n
}

var _ fmt.Stringer = (*gtids)(nil)
