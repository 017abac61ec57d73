import { createContext, type ReactNode, useContext } from "react";

export interface FrameParts {
  /** The customer scope of the provider's console. */
  scope: ReactNode;
  /** Link or live state, zone, person. */
  topRight: ReactNode;
  openMenu(): void;
}

export const FrameContext = createContext<FrameParts>({ scope: null, topRight: null, openMenu: () => {} });

export function useFrame(): FrameParts {
  return useContext(FrameContext);
}
