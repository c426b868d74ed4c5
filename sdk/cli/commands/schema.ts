// `captune schema [name]`.
import { readFileSync } from "node:fs";
import { Argument, type Command } from "commander";
import { act, makeCommand } from "../command.js";
import { exitCode } from "../exit-codes.js";
import type { View } from "../view.js";

const names = [
	"spec",
	"resolved-spec",
	"event",
	"control",
	"serving-control",
	"serving-event",
];

export function schemaCommand(): Command {
	return makeCommand(
		"schema",
		"print a JSON Schema: of the spec, of events, of messages to the worker",
		[
			"captune schema > spec.schema.json",
			"captune schema event | jq '.oneOf[].title'",
		],
	)
		.addArgument(new Argument("[name]", "which").choices(names).default("spec"))
		.action(act(runSchema));
}

async function runSchema(view: View, name: string): Promise<number> {
	const file = new URL(`../../../schemas/${name}.schema.json`, import.meta.url);
	const text = readFileSync(file, "utf8");
	if (view.json) await view.emit(JSON.parse(text));
	else process.stdout.write(text);
	return exitCode("done");
}
