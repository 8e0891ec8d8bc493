package gitops_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"
	luajson "layeh.com/gopher-json"
)

// luaVM runs scripts as Argo CD does: on a global obj, for at most a second, and without the
// standard libraries but base, table, package and two functions of os. openLibs adds the others, as
// Argo CD does for the scripts of its own repository.
type luaVM struct{ openLibs bool }

func (v luaVM) name() string {
	if v.openLibs {
		return "with open libraries"
	}
	return "without open libraries"
}

// virtualMachines are those of a script in Argo CD's own repository, and of one in its ConfigMap.
var virtualMachines = []luaVM{{openLibs: true}, {openLibs: false}}

// run returns the table that a script returns, as JSON.
func (v luaVM) run(script string, object map[string]any) ([]byte, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: !v.openLibs})
	defer state.Close()
	libraries := []struct {
		name string
		open lua.LGFunction
	}{{lua.LoadLibName, lua.OpenPackage}, {lua.BaseLibName, lua.OpenBase}, {lua.TabLibName, lua.OpenTable}, {lua.OsLibName, lua.OpenOs}}
	for _, library := range libraries {
		call := lua.P{Fn: state.NewFunction(library.open), Protect: true}
		if err := state.CallByParam(call, lua.LString(library.name)); err != nil {
			return nil, fmt.Errorf("while opening %s: %w", library.name, err)
		}
	}
	keepSafe(state)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	state.SetContext(ctx)
	state.SetGlobal("obj", luaValue(state, object))
	if err := state.DoString(script); err != nil {
		return nil, err
	}
	table, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return nil, errors.New("the script does not return a table")
	}
	return luajson.Encode(table)
}

// keepSafe leaves of the library os only date and time.
func keepSafe(state *lua.LState) {
	all, ok := state.GetGlobal(lua.OsLibName).(*lua.LTable)
	if !ok {
		return
	}
	safe := state.NewTable()
	for _, name := range []string{"date", "time"} {
		safe.RawSetString(name, all.RawGetString(name))
	}
	state.SetGlobal(lua.OsLibName, safe)
	state.GetField(state.GetGlobal("package"), "loaded").(*lua.LTable).RawSetString(lua.OsLibName, safe)
}

// luaValue turns a value of an unstructured object into Lua's.
func luaValue(state *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case bool:
		return lua.LBool(value)
	case string:
		return lua.LString(value)
	case float64:
		return lua.LNumber(value)
	case int64:
		return lua.LNumber(value)
	case []any:
		list := state.NewTable()
		for _, item := range value {
			list.Append(luaValue(state, item))
		}
		return list
	case map[string]any:
		table := state.NewTable()
		for key, item := range value {
			table.RawSetString(key, luaValue(state, item))
		}
		return table
	}
	return lua.LNil
}

// decodeLua decodes what a script returned; an empty table is an empty list there.
func decodeLua(encoded []byte, into any) error {
	if string(encoded) == "[]" {
		return nil
	}
	return json.Unmarshal(encoded, into)
}

// restoreEmpty undoes what Lua does to empty maps: they come back as empty lists. As in Argo CD,
// the map of before takes the place of such a list, whatever was in it.
func restoreEmpty(after, before any) any {
	switch was := before.(type) {
	case map[string]any:
		switch is := after.(type) {
		case map[string]any:
			for key, value := range is {
				if earlier, ok := was[key]; ok {
					is[key] = restoreEmpty(value, earlier)
				}
			}
		case []any:
			if len(is) == 0 {
				return was
			}
		}
	case []any:
		if is, ok := after.([]any); ok {
			for i := range min(len(is), len(was)) {
				is[i] = restoreEmpty(is[i], was[i])
			}
		}
	}
	return after
}
