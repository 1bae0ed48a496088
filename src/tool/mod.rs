//! What agents may call. A tool declares its arguments and its effects; nothing with an effect runs without permission.
