// Pictures without a library: BMP is a header and rows of blue, green and red.

/** A picture of stripes; the same numbers give the same bytes. */
export function striped(width: number, height: number, seed: number): Buffer {
	const stride = Math.ceil((width * 3) / 4) * 4;
	const file = Buffer.alloc(54 + stride * height);
	file.write("BM", "latin1");
	file.writeUInt32LE(file.length, 2);
	file.writeUInt32LE(54, 10);
	file.writeUInt32LE(40, 14);
	file.writeInt32LE(width, 18);
	file.writeInt32LE(height, 22);
	file.writeUInt16LE(1, 26);
	file.writeUInt16LE(24, 28);
	for (let y = 0; y < height; y++)
		for (let x = 0; x < width; x++)
			for (let channel = 0; channel < 3; channel++)
				file[54 + y * stride + x * 3 + channel] =
					(seed * 67 + (x >> 2) * 41 * (channel + 1) + y * 5) % 256;
	return file;
}
