// What a person is told of the Python environment.
import type { EnvironmentReport } from "../inspect/inspect.js";
import type { InstallProgress } from "../launch/environment.js";
import { Bar } from "./bar.js";

/** Shows an installation: its size first, then a bar on a terminal, or a line per tenth elsewhere. */
export function installPrinter(
	output: NodeJS.WriteStream = process.stdout,
): (progress: InstallProgress) => void {
	let bar: Bar | undefined;
	let tenth = -1;
	return ({ state, doneBytes, totalBytes, message }) => {
		if (totalBytes === null || state === "completed") {
			bar?.stop();
			output.write(`${message}\n`);
			return;
		}
		const done = Math.round(doneBytes / 1e6);
		const total = Math.round(totalBytes / 1e6);
		if (tenth < 0) output.write(`${total} MB to fetch: ${message}\n`);
		if (!output.isTTY) {
			const reached = Math.floor((done / Math.max(total, 1)) * 10);
			if (reached > tenth || message === "unpacking")
				output.write(`install ${done}/${total} MB  ${message}\n`);
			tenth = Math.max(tenth, reached);
			return;
		}
		tenth = 0;
		bar ??= startBar(output, total);
		bar.update(done, message === "" ? {} : { message });
	};
}

/** One paragraph: interpreter, packages, devices. */
export function describeEnvironment(report: EnvironmentReport): string {
	const packages = Object.entries(report.packages)
		.map(([name, version]) => `${name} ${version ?? "missing"}`)
		.join(", ");
	const devices = report.devices.map(({ name, threads, memoryBytes }) =>
		threads === null
			? `${name} (${((memoryBytes ?? 0) / 1e9).toFixed(0)} GB)`
			: `${name}, ${threads} threads`,
	);
	return [
		`Python ${report.python}  ${report.executable}`,
		`packages  ${packages}`,
		`devices   ${devices.join("; ") || report.problem}`,
	].join("\n");
}

function startBar(output: NodeJS.WriteStream, total: number): Bar {
	const bar = new Bar(output, {
		format: "install {bar} {value}/{total} MB  {message}",
		size: 24,
	});
	bar.start(total, 0, { message: "" });
	return bar;
}
