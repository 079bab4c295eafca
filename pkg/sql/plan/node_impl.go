package plan

func (n *Source) Props() *Props             { return &n.P }
func (n *Values) Props() *Props             { return &n.P }
func (n *Watermark) Props() *Props          { return &n.P }
func (n *Calc) Props() *Props               { return &n.P }
func (n *Exchange) Props() *Props           { return &n.P }
func (n *Union) Props() *Props              { return &n.P }
func (n *ChangelogNormalize) Props() *Props { return &n.P }
func (n *GroupAgg) Props() *Props           { return &n.P }
func (n *WindowAssign) Props() *Props       { return &n.P }
func (n *WindowAgg) Props() *Props          { return &n.P }
func (n *Join) Props() *Props               { return &n.P }
func (n *IntervalJoin) Props() *Props       { return &n.P }
func (n *LookupJoin) Props() *Props         { return &n.P }
func (n *Rank) Props() *Props               { return &n.P }
func (n *Deduplicate) Props() *Props        { return &n.P }
func (n *Over) Props() *Props               { return &n.P }
func (n *Sink) Props() *Props               { return &n.P }

func (n *Source) Inputs() []Node             { return nil }
func (n *Values) Inputs() []Node             { return nil }
func (n *Watermark) Inputs() []Node          { return []Node{n.Input} }
func (n *Calc) Inputs() []Node               { return []Node{n.Input} }
func (n *Exchange) Inputs() []Node           { return []Node{n.Input} }
func (n *Union) Inputs() []Node              { return n.Ins }
func (n *ChangelogNormalize) Inputs() []Node { return []Node{n.Input} }
func (n *GroupAgg) Inputs() []Node           { return []Node{n.Input} }
func (n *WindowAssign) Inputs() []Node       { return []Node{n.Input} }
func (n *WindowAgg) Inputs() []Node          { return []Node{n.Input} }
func (n *Join) Inputs() []Node               { return []Node{n.Left, n.Right} }
func (n *IntervalJoin) Inputs() []Node       { return []Node{n.Left, n.Right} }
func (n *LookupJoin) Inputs() []Node         { return []Node{n.Input} }
func (n *Rank) Inputs() []Node               { return []Node{n.Input} }
func (n *Deduplicate) Inputs() []Node        { return []Node{n.Input} }
func (n *Over) Inputs() []Node               { return []Node{n.Input} }
func (n *Sink) Inputs() []Node               { return []Node{n.Input} }

func (n *Source) SetInput(int, Node)                 {}
func (n *Values) SetInput(int, Node)                 {}
func (n *Watermark) SetInput(_ int, x Node)          { n.Input = x }
func (n *Calc) SetInput(_ int, x Node)               { n.Input = x }
func (n *Exchange) SetInput(_ int, x Node)           { n.Input = x }
func (n *Union) SetInput(i int, x Node)              { n.Ins[i] = x }
func (n *ChangelogNormalize) SetInput(_ int, x Node) { n.Input = x }
func (n *GroupAgg) SetInput(_ int, x Node)           { n.Input = x }
func (n *WindowAssign) SetInput(_ int, x Node)       { n.Input = x }
func (n *WindowAgg) SetInput(_ int, x Node)          { n.Input = x }
func (n *LookupJoin) SetInput(_ int, x Node)         { n.Input = x }
func (n *Rank) SetInput(_ int, x Node)               { n.Input = x }
func (n *Deduplicate) SetInput(_ int, x Node)        { n.Input = x }
func (n *Over) SetInput(_ int, x Node)               { n.Input = x }
func (n *Sink) SetInput(_ int, x Node)               { n.Input = x }

func (n *Join) SetInput(i int, x Node) {
	if i == 0 {
		n.Left = x
	} else {
		n.Right = x
	}
}

func (n *IntervalJoin) SetInput(i int, x Node) {
	if i == 0 {
		n.Left = x
	} else {
		n.Right = x
	}
}
