// Runs tasks beside one another, in their order: as many as there are lanes, and one that mostly waits.

export interface Task {
	readonly name: string;
	/** It measures time: nothing runs beside it. */
	readonly alone?: boolean;
	/** It leaves the processor alone for most of its time: it runs beside the lanes. */
	readonly waits?: boolean;
	/** Tasks of one key change the same thing: never two of them at once. */
	readonly key?: string;
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
	const busy = new Set<string>();
	const past = new Set<unknown>([undefined]);
	for (const after of new Set(tasks.map((task) => task.after)))
		after?.then(
			() => past.add(after),
			() => {}, // whoever waits for it is told
		);
	const lane = async (isMine: (task: Task) => boolean): Promise<void> => {
		for (;;) {
			const free = waiting.filter(
				(task) => isMine(task) && !(task.key && busy.has(task.key)),
			);
			// Whoever holds the key takes them up when it is done.
			if (free.length === 0) return;
			const task = free.find(({ after }) => past.has(after));
			if (task === undefined) {
				await Promise.race(free.map(({ after }) => after));
				continue;
			}
			waiting.splice(waiting.indexOf(task), 1);
			if (task.key) busy.add(task.key);
			await task.run();
			if (task.key) busy.delete(task.key);
		}
	};
	await Promise.all([
		...Array.from({ length: lanes }, () => lane(({ waits }) => !waits)),
		lane(({ waits }) => waits === true),
	]);
	for (const task of tasks) if (task.alone) await task.run();
}
