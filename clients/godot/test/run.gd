extends SceneTree
## Runs the unit tests without a screen, and ends with 0, or with 1 where one failed or none was found:
## `godot --headless --path clients/godot --script res://test/run.gd [-- FOLDER]`
##
## A test is a method `test_...` of a script `test_*.gd` that extends `unit_test.gd`.


func _initialize() -> void:
	var words := OS.get_cmdline_user_args()
	var folder: String = words[0] if words.size() > 0 else "res://test/unit"
	var count := 0
	var failures := 0
	for file in DirAccess.get_files_at(folder):
		if not file.begins_with("test_") or not file.ends_with(".gd"):
			continue
		var script := load(folder.path_join(file)) as GDScript
		if script == null or not script.can_instantiate():
			printerr("%s cannot be loaded" % file)
			failures += 1
			continue
		for method in script.get_script_method_list():
			var method_name: String = method["name"]
			if not method_name.begins_with("test_"):
				continue
			count += 1
			var test: RefCounted = script.new()
			await test.call(method_name)
			var said: PackedStringArray = test.get("failures")
			if test.get("checks") == 0:
				said.append("nothing was checked")
			if said.is_empty():
				print("ok   %s %s" % [file, method_name])
			else:
				failures += 1
				printerr("FAIL %s %s: %s" % [file, method_name, "; ".join(said)])
	print("%d tests, %d failed" % [count, failures])
	quit(1 if failures > 0 or count == 0 else 0)
