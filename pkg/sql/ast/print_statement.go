package ast

func (p *printer) statement(s Statement) {
	switch s := s.(type) {
	case *QueryStatement:
		p.w(s.Query)
	case *CreateTable:
		p.createTable(s)
	case *CreateMaterializedTable, *CreateView, *CreateFunction, *CreateCatalog, *CreateDatabase:
		p.createOther(s)
	case *Drop:
		p.w("DROP ")
		p.opt(s.Temporary, "TEMPORARY ")
		p.opt(s.System, "SYSTEM ")
		p.w(s.Kind, " ")
		p.opt(s.IfExists, "IF EXISTS ")
		p.w(s.Name)
		p.opt(s.Behavior != "", " ", s.Behavior)
	case *AlterTable:
		p.w("ALTER TABLE ")
		p.opt(s.IfExists, "IF EXISTS ")
		p.w(s.Name, " ", s.Action)
	case *AlterView:
		p.w("ALTER VIEW ", s.Name, " ", s.Action)
	case *AlterMaterializedTable:
		p.w("ALTER MATERIALIZED TABLE ", s.Name, " ", s.Action)
	case *AlterDatabase:
		p.w(map[bool]string{true: "ALTER CATALOG ", false: "ALTER DATABASE "}[s.Catalog], s.Name, " ", s.Action)
	case *Insert:
		p.insert(s)
	case *StatementSet:
		p.w(map[bool]string{true: "BEGIN STATEMENT SET; ", false: "EXECUTE STATEMENT SET BEGIN "}[s.Script])
		p.inserts(s)
	case *Explain:
		p.w("EXPLAIN ")
		p.opt(s.PlanFor, "PLAN FOR ")
		for i, d := range s.Details {
			p.opt(i > 0, ", ")
			p.w(d)
		}
		p.opt(len(s.Details) > 0, " ")
		p.target(s.Stmt)
	case *Execute:
		p.w("EXECUTE ")
		p.target(s.Stmt)
	case *Set:
		p.w("SET")
		if s.Key != nil {
			p.w(" ", s.Key, " = ", s.Value)
		}
	case *Reset:
		p.w("RESET")
		if s.Key != nil {
			p.w(" ", s.Key)
		}
	case *Show:
		p.show(s)
	default:
		p.rest(s)
	}
}

// target writes the statement of EXPLAIN, EXECUTE or COMPILE PLAN, where a set has no EXECUTE of its own.
func (p *printer) target(s Statement) {
	if set, ok := s.(*StatementSet); ok {
		p.w("STATEMENT SET BEGIN ")
		p.inserts(set)
		return
	}
	p.w(s)
}

func (p *printer) inserts(s *StatementSet) {
	for _, in := range s.Inserts {
		p.w(in, "; ")
	}
	p.w("END")
}

func (p *printer) insert(s *Insert) {
	p.w(map[bool]string{true: "INSERT OVERWRITE ", false: "INSERT INTO "}[s.Overwrite], s.Table)
	p.hints(s.Hints)
	if s.Partition != nil {
		p.w(" ", s.Partition)
	}
	if len(s.Columns) > 0 {
		p.w(" ")
		parens(p, s.Columns)
	}
	p.w(" ", s.Query)
}

func (p *printer) show(s *Show) {
	p.w("SHOW ", s.What)
	if s.From != nil {
		p.opt(s.FromWord != "", " ", s.FromWord)
		p.w(" ", s.From)
	}
	if s.Parts != nil {
		p.w(" ", s.Parts)
	}
	if s.Like != nil {
		p.opt(s.Not, " NOT")
		p.w(map[bool]string{true: " ILIKE ", false: " LIKE "}[s.ILike], s.Like)
	}
}

func (p *printer) where(x Expr) {
	if x != nil {
		p.w(" WHERE ", x)
	}
}

func (p *printer) rest(s Statement) {
	switch s := s.(type) {
	case *Use:
		switch s.Kind {
		case "MODULES":
			p.w("USE MODULES ")
			list(p, s.Modules)
		case "CATALOG":
			p.w("USE CATALOG ", s.Name)
		default:
			p.w("USE ", s.Name)
		}
	case *Describe:
		p.w("DESCRIBE ")
		p.opt(s.Kind != "TABLE", s.Kind, " ")
		p.opt(s.Extended, "EXTENDED ")
		if s.Job != nil {
			p.w(s.Job)
		} else {
			p.w(s.Name)
		}
	case *Module:
		p.w(map[bool]string{true: "UNLOAD MODULE ", false: "LOAD MODULE "}[s.Unload], s.Name)
		p.with(s.Options)
	case *Jar:
		p.w(map[bool]string{true: "REMOVE JAR ", false: "ADD JAR "}[s.Remove], s.Path)
	case *Delete:
		p.w("DELETE FROM ", s.Table)
		if s.Alias != nil {
			p.w(" AS ", s.Alias)
		}
		p.where(s.Where)
	case *Update:
		p.w("UPDATE ", s.Table)
		if s.Alias != nil {
			p.w(" AS ", s.Alias)
		}
		clause(p, "SET", s.Set)
		p.where(s.Where)
	case *Truncate:
		p.w("TRUNCATE TABLE ", s.Table)
	case *Analyze:
		p.w("ANALYZE TABLE ", s.Table)
		if s.Partition != nil {
			p.w(" ", s.Partition)
		}
		p.w(" COMPUTE STATISTICS")
		p.opt(s.AllColumns, " FOR ALL COLUMNS")
		clause(p, "FOR COLUMNS", s.Columns)
	case *CallProcedure:
		p.w("CALL ", s.Call)
	case *StopJob:
		p.w("STOP JOB ", s.Job)
		p.opt(s.Savepoint, " WITH SAVEPOINT")
		p.opt(s.Drain, " WITH DRAIN")
	case *CompilePlan:
		p.w("COMPILE ")
		p.opt(s.Execute, "AND EXECUTE ")
		p.w("PLAN ", s.Path)
		p.opt(s.IfNotExists, " IF NOT EXISTS")
		p.w(" FOR ")
		p.target(s.Stmt)
	case *ExecutePlan:
		p.w("EXECUTE PLAN ", s.Path)
	}
}
