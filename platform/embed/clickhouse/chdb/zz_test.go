package chdb

import ("testing";"os";"time";"fmt")

func TestX(t *testing.T) {
	l, err := Load(os.ExpandEnv("$HOME/.cache/freshet/chdb/node_modules/@chdb/lib-linux-x64-gnu/libchdb.so"))
	if err != nil { t.Fatal(err) }
	fmt.Println(l.Version())
	t0:=time.Now()
	c, err := l.Connect("--path="+t.TempDir())
	if err != nil { t.Fatal(err) }
	fmt.Println("connect", time.Since(t0))
	q := func(s string) { r, err := c.Query([]byte(s), "TSV", nil); if err!=nil {fmt.Println("ERR",s,err); return}; fmt.Println(s,"=>",string(r.Data)); r.Free() }
	q("select version(), getSetting('async_insert'), getSetting('max_threads'), timezone()")
	q("select name,value from system.server_settings where name in ('max_server_memory_usage','mark_cache_size','uncompressed_cache_size','background_pool_size')")
	q("select name,value from system.settings where name like '%dedup%' or name='min_insert_block_size_rows'")
	q("create table t (a UInt64, s String) engine=MergeTree order by a settings non_replicated_deduplication_window=100")
	ins := func(pre, f, data string, done bool) {
		i, err := c.Insert(pre, f); if err != nil { fmt.Println("ERR", pre, err); return }
		if _, err := i.Write([]byte(data)); err != nil { fmt.Println("ERRW", err) }
		if done { r, err := i.Done(); if err!=nil {fmt.Println("ERRD",err)} else {fmt.Println("written", r.RowsWritten, r.RowsRead)}; r.Free() }
		i.Close()
	}
	ins("INSERT INTO t (a,s) SETTINGS insert_deduplication_token='x'", "CSV", "1,a\n2,b\n", true)
	ins("INSERT INTO t (a,s) SETTINGS insert_deduplication_token='x'", "CSV", "1,a\n2,b\n", true)
	q("select count() from t")
	q("set insert_deduplication_token='y'")
	ins("INSERT INTO t (a,s)", "CSV", "1,a\n2,b\n", true)
	ins("INSERT INTO t (a,s)", "CSV", "5,a\n2,b\n", true)
	q("select count() from t")
	q("set insert_deduplication_token='z'")
	ins("INSERT INTO t (a,s)", "CSV", "10,a\n2,b\n", false)
	q("select count() from t")
	q("INSERT INTO t VALUES (1,'x'),(2,'y')")
	q("INSERT INTO t VALUES (1,'x'),(2,'y')")
	q("select count() from t")
	ins("INSERT INTO t (a,s)", "CSV", "zz,a\n2,b\n", true)
	ins("INSERT INTO nope (a,s)", "CSV", "zz,a\n2,b\n", true)
	ins("INSERT INTO t", "Values", "(1,'q\n\nw')", true)
	q("set insert_deduplication_token='zz'")
	ins("INSERT INTO t", "Values", "(1,'q\n\nw')", true)
	q("select count() from t where s='q\n\nw'")
	// multi block
	q("create table m (a UInt64) engine=MergeTree order by a partition by a%2 settings non_replicated_deduplication_window=100")
	big := func() string { b:=[]byte{}; for k:=0;k<3000000;k++ { b=fmt.Appendf(b,"%d\n",k)}; return string(b)}()
	q("set insert_deduplication_token='m'")
	t0=time.Now()
	ins("INSERT INTO m", "CSV", big, true)
	fmt.Println(time.Since(t0))
	ins("INSERT INTO m", "CSV", big, true)
	q("select count(), uniqExact(_part) from m")
	q("create table src (a UInt64) engine=MergeTree order by a settings non_replicated_deduplication_window=100")
	q("create table dst (a UInt64, n UInt64) engine=SummingMergeTree order by a settings non_replicated_deduplication_window=100")
	q("create materialized view mv to dst as select a%2 as a, count() as n from src group by a")
	q("set insert_deduplication_token='s1'")
	ins("INSERT INTO src", "CSV", "1\n2\n3\n", true)
	ins("INSERT INTO src", "CSV", "1\n2\n3\n", true)
	q("select count() from src"); q("select a,sum(n) from dst group by a order by a")
	c2, _ := l.Connect("--path="+t.TempDir()); _ = c2
	go func() {
		time.Sleep(500*time.Millisecond)
		r, err := c2.Query([]byte("select query_id, Settings['log_comment'], elapsed from system.processes"), "TSV", nil)
		if err != nil { fmt.Println("E2", err); return }
		fmt.Println("P:", string(r.Data))
		t1 := time.Now()
		r, err = c2.Query([]byte("KILL QUERY WHERE Settings['log_comment']='me' ASYNC"), "TSV", nil)
		fmt.Println("kill", err, time.Since(t1))
	}()
	q("set log_comment='me'")
	t0=time.Now()
	q("select sum(sleepEachRow(0.01)) from numbers(1000)")
	fmt.Println("killed after", time.Since(t0))
}
