// One module a path, so that a console bundles the icons it draws; the package ships no types for these paths.
declare module "@tabler/icons-react/dist/esm/icons/*.mjs" {
  import type { ComponentType, SVGProps } from "react";

  const icon: ComponentType<Omit<SVGProps<SVGSVGElement>, "stroke"> & { size?: number; stroke?: number }>;
  // biome-ignore lint/style/noDefaultExport: describes what the package exports.
  export default icon;
}
