// Runs tasks beside one another, in their order: as many as there are lanes, and one that mostly waits.

export interface Task {
	readonly name: string;
	/** It measures time: nothing runs beside it. */
	readonly alone?: boolean;
	/** It leaves the processor alone for most of its time: it runs beside the lanes. */
	readonly waits?: boolean;
	/** It can begin only then; others that are ready go first. */
	readonly after?: Promise<unknown>;
	run(): Promise<void>;
}

/** Those that want to be alone come last. A task that throws ends everything. */
export async function runInLanes(
	tasks: readonly Task[],
	lanes: number,
): Promise<void> {
	const waiting = tasks.filter(({ alone }) => !alone);
	const past = new Set<unknown>([undefined]);
	for (const after of new Set(tasks.map((task) => task.after)))
		after?.then(
			() => past.add(after),
			() => {}, // whoever waits for it is told
		);
	const lane = async (choices: () => readonly Task[]): Promise<void> => {
		for (let left = choices(); left.length > 0; left = choices()) {
			const task = left.find(({ after }) => past.has(after));
			if (task === undefined) {
				await Promise.race(left.map(({ after }) => after));
				continue;
			}
			waiting.splice(waiting.indexOf(task), 1);
			await task.run();
		}
	};
	const those = (waits: boolean) =>
		waiting.filter((task) => (task.waits ?? false) === waits);
	await Promise.all([
		// Where nothing else is left, or was asked for, they help.
		...Array.from({ length: lanes }, () =>
			lane(() => [...those(false), ...those(true)]),
		),
		lane(() => those(true)),
	]);
	for (const task of tasks) if (task.alone) await task.run();
}
