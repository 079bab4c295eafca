package udf

import (
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Value are the Go types that functions over rows take and give: BOOLEAN, INT, BIGINT, DOUBLE, STRING and BYTES.
type Value interface {
	bool | int32 | int64 | float64 | string | []byte
}

// TypeOf is the SQL type of a Go type.
func TypeOf[T Value]() types.Type {
	var v T
	switch any(v).(type) {
	case bool:
		return types.Of(types.Boolean)
	case int32:
		return types.Of(types.Int)
	case int64:
		return types.Of(types.BigInt)
	case float64:
		return types.Of(types.Double)
	case string:
		return types.String()
	}
	return types.Bytes()
}

// reader gives the values of a column; it is made once a batch, so that a row costs no type switch.
func reader[T Value](a arrow.Array) (func(i int) T, error) {
	var v T
	var f any
	switch any(v).(type) {
	case bool:
		if c, ok := a.(*array.Boolean); ok {
			f = c.Value
		}
	case int32:
		if c, ok := a.(*array.Int32); ok {
			f = c.Value
		}
	case int64:
		if c, ok := a.(*array.Int64); ok {
			f = c.Value
		}
	case float64:
		if c, ok := a.(*array.Float64); ok {
			f = c.Value
		}
	case string:
		if c, ok := a.(*array.String); ok {
			f = c.Value
		}
	case []byte:
		if c, ok := a.(*array.Binary); ok {
			f = c.Value
		}
	}
	if get, ok := f.(func(int) T); ok {
		return get, nil
	}
	return nil, fmt.Errorf("a column of type %s cannot be read as %T", a.DataType(), v)
}

func writer[T Value](b array.Builder) (func(T), error) {
	var v T
	var f any
	switch c := b.(type) {
	case *array.BooleanBuilder:
		f = c.Append
	case *array.Int32Builder:
		f = c.Append
	case *array.Int64Builder:
		f = c.Append
	case *array.Float64Builder:
		f = c.Append
	case *array.StringBuilder:
		f = c.Append
	case *array.BinaryBuilder:
		f = c.Append
	}
	if put, ok := f.(func(T)); ok {
		return put, nil
	}
	return nil, fmt.Errorf("a %T cannot be put into a column of type %s", v, b.Type())
}

// Map1 is a scalar function of one argument, row by row. NULL gives NULL.
func Map1[A, R Value](name string, fn func(A) (R, error), opts ...Option) *catalog.Function {
	return Scalar(name, []types.Type{TypeOf[A]()}, TypeOf[R](), func(args []arrow.Array, n int, out array.Builder) error {
		a, err := reader[A](args[0])
		if err != nil {
			return err
		}
		put, err := writer[R](out)
		if err != nil {
			return err
		}
		for i := range n {
			if args[0].IsNull(i) {
				out.AppendNull()
				continue
			}
			v, err := fn(a(i))
			if err != nil {
				return err
			}
			put(v)
		}
		return nil
	}, opts...)
}

// Map2 is a scalar function of two arguments, row by row. A NULL gives NULL.
func Map2[A, B, R Value](name string, fn func(A, B) (R, error), opts ...Option) *catalog.Function {
	return Scalar(name, []types.Type{TypeOf[A](), TypeOf[B]()}, TypeOf[R](), func(args []arrow.Array, n int, out array.Builder) error {
		a, err := reader[A](args[0])
		if err != nil {
			return err
		}
		b, err := reader[B](args[1])
		if err != nil {
			return err
		}
		put, err := writer[R](out)
		if err != nil {
			return err
		}
		for i := range n {
			if args[0].IsNull(i) || args[1].IsNull(i) {
				out.AppendNull()
				continue
			}
			v, err := fn(a(i), b(i))
			if err != nil {
				return err
			}
			put(v)
		}
		return nil
	}, opts...)
}
