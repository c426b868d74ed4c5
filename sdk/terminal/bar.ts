// One line of a terminal that is written anew, and cleared at its end.
import { SingleBar } from "cli-progress";

export interface BarOptions {
	/** `{title} {bar} {value}/{total}`, with the names of what `update` is given. */
	readonly format: string;
	/** Columns. */
	readonly size: number;
}

/** Ends where it stands: cli-progress goes back to where the bar began, over all that others have printed meanwhile. */
export class Bar extends SingleBar {
	declare protected readonly terminal: {
		cursorSave(): void;
		cursorRestore(): void;
	};

	constructor(stream: NodeJS.WriteStream, { format, size }: BarOptions) {
		super({
			stream,
			format,
			barCompleteChar: "━",
			barIncompleteChar: "─",
			barsize: size,
			clearOnComplete: true,
			hideCursor: true,
			linewrap: false,
			gracefulExit: false,
		});
		this.terminal.cursorSave = () => {};
		this.terminal.cursorRestore = () => {};
	}
}
