"""What the broker does where no plugin says otherwise: implementations of the same hooks, asked last. They import ``pybroker.hooks`` and ``pybroker.protocol`` only, as plugins do."""
