package plan

import (
	"bytes"
	"encoding/json"
	"strings"
)

// jsonNode is a node as Flink's execution plans print it. An exchange is how its reader's input is shipped.
type jsonNode struct {
	ID           int               `json:"id"`
	Type         string            `json:"type"`
	Pact         string            `json:"pact"`
	Contents     string            `json:"contents"`
	Changes      string            `json:"changes,omitempty"`
	Predecessors []jsonPredecessor `json:"predecessors,omitempty"`
}

type jsonPredecessor struct {
	ID       int    `json:"id"`
	Strategy string `json:"ship_strategy"`
	Side     string `json:"side"`
}

// asJSON is the plan in the form of Flink's JSON_EXECUTION_PLAN.
func asJSON(p *Plan) string {
	doc := struct {
		Nodes []jsonNode `json:"nodes"`
	}{}
	for _, n := range p.Nodes {
		if _, ok := n.(*Exchange); ok {
			continue
		}
		text := n.Describe()
		name, _, _ := strings.Cut(text, "(")
		j := jsonNode{ID: n.Props().ID, Type: name, Pact: "Operator", Contents: text, Changes: n.Props().Mode.String()}
		switch n.(type) {
		case *Source, *Values:
			j.Pact = "Data Source"
		case *Sink:
			j.Pact = "Data Sink"
		}
		for i, in := range n.Inputs() {
			p := jsonPredecessor{ID: in.Props().ID, Strategy: "FORWARD", Side: "second"}
			if len(n.Inputs()) > 1 && i == 0 {
				p.Side = "first"
			}
			if x, ok := in.(*Exchange); ok {
				p.ID, p.Strategy = x.Input.Props().ID, "HASH"
				if len(x.Keys) == 0 {
					p.Strategy = "GLOBAL"
				}
			}
			j.Predecessors = append(j.Predecessors, p)
		}
		doc.Nodes = append(doc.Nodes, j)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(doc); err != nil {
		return err.Error() + "\n" // texts and numbers always encode
	}
	return b.String()
}
