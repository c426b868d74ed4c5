// A TCP proxy that cuts its connections, as a bad line would.
import { connect, createServer, type Socket } from "node:net";

export interface Proxy {
	/** Where to connect, as ZeroMQ writes it. */
	readonly endpoint: string;
	/** Breaks every connection; bytes under way are lost. Returns how many there were. */
	cut(): number;
	close(): void;
}

/** `onChunk` overhears what goes through, both ways. */
export async function openProxy(
	target: string,
	onChunk: (chunk: Buffer) => unknown = () => {},
): Promise<Proxy> {
	const targetPort = Number(target.split(":").at(-1));
	const sockets = new Set<Socket>();
	const server = createServer((client) => {
		const upstream = connect(targetPort, "127.0.0.1");
		for (const [from, to] of [
			[client, upstream],
			[upstream, client],
		] as const) {
			sockets.add(from);
			from.on("data", onChunk);
			from.pipe(to);
			from.on("error", () => to.destroy());
			from.on("close", () => {
				sockets.delete(from);
				to.destroy();
			});
		}
	});
	await new Promise<void>((resolve) =>
		server.listen(0, "127.0.0.1", () => resolve()),
	);
	const address = server.address();
	const port = typeof address === "object" ? address?.port : undefined;
	return {
		endpoint: `tcp://127.0.0.1:${port}`,
		cut() {
			const count = sockets.size / 2;
			for (const socket of sockets) socket.resetAndDestroy();
			return count;
		},
		close() {
			for (const socket of sockets) socket.destroy();
			server.close();
		},
	};
}
