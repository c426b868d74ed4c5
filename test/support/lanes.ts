// Runs tasks beside one another: as many as there are lanes, in their order.

export interface Task {
	readonly name: string;
	/** It measures time: nothing runs beside it. */
	readonly alone?: boolean;
	/** Tasks of one key change the same thing: never two of them at once. */
	readonly key?: string;
	run(): Promise<void>;
}

/** Those that want to be alone come last. A task that throws ends everything. */
export async function runInLanes(
	tasks: readonly Task[],
	lanes: number,
): Promise<void> {
	const waiting = tasks.filter(({ alone }) => !alone);
	const busy = new Set<string>();
	const lane = async (): Promise<void> => {
		while (waiting.length > 0) {
			const at = waiting.findIndex(({ key }) => !(key && busy.has(key)));
			// Whoever holds the key takes them up when it is done.
			if (at < 0) return;
			const [task] = waiting.splice(at, 1) as [Task];
			if (task.key) busy.add(task.key);
			await task.run();
			if (task.key) busy.delete(task.key);
		}
	};
	await Promise.all(Array.from({ length: lanes }, lane));
	for (const task of tasks) if (task.alone) await task.run();
}
