package ast

// QueryStatement is a query as a statement.
type QueryStatement struct {
	Loc
	Query *Query
}

// Insert is INSERT INTO|OVERWRITE t [PARTITION (…)] [(columns)] query.
type Insert struct {
	Loc
	Overwrite bool
	Table     *Name
	Hints     []*Hint
	Partition *PartitionSpec // every item has a Value
	Columns   []*Name        // nil: all columns in order
	Query     *Query
}

// StatementSet is [EXECUTE] STATEMENT SET BEGIN … END, or BEGIN STATEMENT SET; … END; (Script): inserts that run as one job.
type StatementSet struct {
	Loc
	Script  bool
	Inserts []*Insert
}

// Explain is EXPLAIN [PLAN FOR | details] statement.
type Explain struct {
	Loc
	PlanFor bool
	Details []string // ESTIMATED_COST, CHANGELOG_MODE, JSON_EXECUTION_PLAN, PLAN_ADVICE
	Stmt    Statement
}

// Execute is EXECUTE statement.
type Execute struct {
	Loc
	Stmt Statement
}

// Set is SET 'k' = 'v'; SET alone has Key nil. Values are unquoted text.
type Set struct {
	Loc
	Key, Value *StringLit
}

// Reset is RESET ['k'].
type Reset struct {
	Loc
	Key *StringLit
}

// Use is USE database, USE CATALOG c or USE MODULES m, ….
type Use struct {
	Loc
	Kind    string // DATABASE, CATALOG, MODULES
	Name    *Name
	Modules []*Ident
}

// Show is SHOW What … . What is TABLES, VIEWS, CATALOGS, CURRENT DATABASE, CREATE TABLE, COLUMNS, …
type Show struct {
	Loc
	What     string
	From     *Name // FROM or IN; the object of SHOW CREATE …, SHOW COLUMNS FROM, SHOW PARTITIONS
	Not      bool
	Like     *StringLit
	ILike    bool
	FromWord string // FROM or IN, "" for SHOW CREATE and SHOW PARTITIONS
	Parts    *PartitionSpec
}

// Describe is DESCRIBE [EXTENDED] t, DESCRIBE CATALOG c, DESCRIBE DATABASE d, DESCRIBE FUNCTION f or DESCRIBE JOB 'id'.
type Describe struct {
	Loc
	Kind     string // TABLE, CATALOG, DATABASE, FUNCTION, JOB
	Extended bool
	Name     *Name
	Job      *StringLit
}

// Module is LOAD MODULE m [WITH (…)] or UNLOAD MODULE m.
type Module struct {
	Loc
	Unload  bool
	Name    *Ident
	Options []*Option
}

// Jar is ADD JAR '…' or REMOVE JAR '…'.
type Jar struct {
	Loc
	Remove bool
	Path   *StringLit
}

// Delete is DELETE FROM t [WHERE x].
type Delete struct {
	Loc
	Table *Name
	Alias *Ident
	Where Expr
}

// Assign is column = x.
type Assign struct {
	Loc
	Column *Name
	X      Expr
}

// Update is UPDATE t SET … [WHERE x].
type Update struct {
	Loc
	Table *Name
	Alias *Ident
	Set   []*Assign
	Where Expr
}

// Truncate is TRUNCATE TABLE t.
type Truncate struct {
	Loc
	Table *Name
}

// Analyze is ANALYZE TABLE t [PARTITION (…)] COMPUTE STATISTICS [FOR COLUMNS … | FOR ALL COLUMNS].
type Analyze struct {
	Loc
	Table      *Name
	Partition  *PartitionSpec
	Columns    []*Ident
	AllColumns bool
}

// CallProcedure is CALL p(…).
type CallProcedure struct {
	Loc
	Call *FuncCall
}

// StopJob is STOP JOB 'id' [WITH SAVEPOINT] [WITH DRAIN].
type StopJob struct {
	Loc
	Job              *StringLit
	Savepoint, Drain bool
}

// CompilePlan is COMPILE PLAN 'path' [IF NOT EXISTS] FOR statement, or COMPILE AND EXECUTE PLAN 'path' FOR statement.
type CompilePlan struct {
	Loc
	Execute     bool
	Path        *StringLit
	IfNotExists bool
	Stmt        Statement
}

// ExecutePlan is EXECUTE PLAN 'path'.
type ExecutePlan struct {
	Loc
	Path *StringLit
}

func (*QueryStatement) statement() {}
func (*Insert) statement()         {}
func (*StatementSet) statement()   {}
func (*Explain) statement()        {}
func (*Execute) statement()        {}
func (*Set) statement()            {}
func (*Reset) statement()          {}
func (*Use) statement()            {}
func (*Show) statement()           {}
func (*Describe) statement()       {}
func (*Module) statement()         {}
func (*Jar) statement()            {}
func (*Delete) statement()         {}
func (*Update) statement()         {}
func (*Truncate) statement()       {}
func (*Analyze) statement()        {}
func (*CallProcedure) statement()  {}
func (*StopJob) statement()        {}
func (*CompilePlan) statement()    {}
func (*ExecutePlan) statement()    {}
