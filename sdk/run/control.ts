// Control messages are checked before they leave, as events are when they come.
import { WorkerError } from "../errors.js";
import { compileJudge, type Judge } from "../schema/judge.js";
import type { ControlMessage } from "./control.generated.js";
import { controlSchema } from "./control-schema.js";

let judge: Judge | undefined;

/**
 * @throws {WorkerError} PROTOCOL_ERROR for a message that the schema does not know.
 */
export function checkedControl(message: ControlMessage): ControlMessage {
	judge ??= compileJudge(controlSchema);
	const issues = judge(message);
	if (issues.length > 0)
		throw new WorkerError(
			"PROTOCOL_ERROR",
			`A control message is none: ${issues[0]?.path} ${issues[0]?.reason}.`,
			{ issues },
		);
	return message;
}
