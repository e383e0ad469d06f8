"""Makes a library of one kernel of a PTX module, by way of C, for tests/emulated_gpu/driver.c.

usage: translate.py MODULE.ptx KERNEL LIBRARY.so

A thread of the kernel becomes a function of its position and of the kernel's parameters; registers
become variables, and addresses are those of the host. A kernel with barriers keeps its variables in a
struct and returns at each barrier, so that the threads of a block can take turns. What is not known is
refused. PTX is described at https://docs.nvidia.com/cuda/parallel-thread-execution/.
"""

import os
import re
import subprocess
import sys

INTEGERS = {f"{sign}{bits}": f"{'' if sign == 's' else 'u'}int{bits}_t"
            for sign in "usb" for bits in (8, 16, 32, 64)}
FLOATS = {"f32": "float", "f64": "double"}
TYPES = {**INTEGERS, **FLOATS, "pred": "uint8_t"}
POSITIONS = {f"%{name}.{axis}": f"at->{name}[{place}]" for name in ("tid", "ntid", "ctaid", "nctaid")
             for place, axis in enumerate("xyz")}
COMPARISONS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
               "lo": "<", "ls": "<=", "hi": ">", "hs": ">="}
SPACES = ("param", "global", "shared", "local", "const")
ROUNDINGS = {"rni": "rint", "rzi": "trunc", "rmi": "floor", "rpi": "ceil"}
FUNCTIONS = {"sqrt": "sqrt{f}({x})", "ex2": "exp2{f}({x})", "lg2": "log2{f}({x})", "rcp": "(1 / {x})",
             "rsqrt": "(1 / sqrt{f}({x}))", "neg": "(-{x})"}


def bits(ty):
    return int(ty[1:])


def unsigned(ty):
    """The type in which additions wrap around."""
    return "u" + ty[1:] if ty[0] in "sb" else ty


class Kernel:
    def __init__(self, module, name):
        found = re.search(rf"\.entry\s+{name}\s*\((.*?)\)[^{{]*\{{\n(.*?)\n\}}", module, re.S)
        if not found:
            sys.exit(f"there is no kernel {name}")
        parameters = [part for part in found[1].split(",") if part.strip()]
        self.parameters = {re.search(r"(\w+)(\[\d+\])?\s*$", part.strip())[1]: place
                           for place, part in enumerate(parameters)}
        self.body = re.sub(r"//.*", "", found[2])
        self.outside = re.sub(r"//.*", "", module[: found.start()])
        self.registers, self.local, self.constants = {}, {}, {}
        self.shared, self.shared_bytes = {}, 0
        self.used_constants, self.states, self.lines = [], 0, []

    def declare(self):
        for ty, name, length, value in re.findall(
                r"\.(?:global|const)\s+\.align\s+\d+\s+\.(\w+)\s+([\w$]+)(\[\d*\])?\s*(?:=\s*(\{[^}]*\}))?;",
                self.outside):
            self.constants[name] = f"static {TYPES[ty]} {self.variable(name)}{length or '[1]'} = {value or '{0}'};"
        for align, name, length in re.findall(
                r"\.shared\s+\.align\s+(\d+)\s+\.b8\s+([\w$]+)\[(\d*)\]", self.outside + self.body):
            self.shared_bytes = -(-self.shared_bytes // int(align)) * int(align)
            self.shared[name] = self.shared_bytes
            self.shared_bytes += int(length or 0)
        for name, length in re.findall(r"\.local\s+\.align\s+\d+\s+\.b8\s+([\w$]+)\[(\d+)\];", self.body):
            self.local[name] = length
        variables = {}
        for ty, prefix, count in re.findall(r"\.reg\s+\.(\w+)\s+(%\w+)(?:<(\d+)>)?;", self.body):
            self.registers[prefix] = ty
            names = [f"{prefix}{place}" for place in range(int(count))] if count else [prefix]
            variables.update({self.variable(name): TYPES[ty] for name in names})
        return variables

    # Operands.

    @staticmethod
    def variable(name):
        return "v_" + re.sub(r"[%$]", "_", name)

    def type_of(self, operand):
        """The type that a register was declared with, if it is one."""
        return self.registers.get(operand) or self.registers.get(operand.rstrip("0123456789"))

    def read(self, operand, ty):
        """The value of an operand as a C expression of type `ty`."""
        operand = operand.strip()
        if operand in POSITIONS:
            return f"(({TYPES[ty]}){POSITIONS[operand]})"
        if re.match(r"0[fFdD]", operand):
            pattern = f"0x{operand[2:]}{'u' if operand[1] in 'fF' else 'ull'}"
            return f"as_{ty}({pattern})" if ty in FLOATS else pattern
        if re.fullmatch(r"-?\d+U?|0x[0-9a-fA-F]+", operand):
            number = int(operand.rstrip("U"), 0)
            return f"({TYPES[ty]}){number}" if ty in FLOATS else f"(({TYPES[ty]}){number % 2**64}ull)"
        if operand.startswith("!"):
            return f"(!{self.read(operand[1:], ty)})"
        held, name = self.type_of(operand), self.variable(operand)
        if held is None:
            return self.address_of(operand, ty)
        if (held in FLOATS) != (ty in FLOATS):
            return f"as_{ty}({name})" if ty in FLOATS else f"bits_{held}({name})"
        return name if ty in FLOATS or ty == "pred" else f"(({TYPES[ty]}){name})"

    def address_of(self, name, ty):
        if name in self.shared:
            return f"(({TYPES[ty]}){self.shared[name]})"
        if name in self.constants:
            self.used_constants.append(name)
        elif name not in self.local:
            raise ValueError(f"unknown operand {name}")
        return f"((uint64_t)(uintptr_t){self.variable(name)})"

    def write(self, operand, ty, value):
        """Assigns a C expression of type `ty` to a register."""
        operand = operand.strip()
        held, name = self.type_of(operand), self.variable(operand)
        if held is None:
            raise ValueError(f"cannot write {operand}")
        if (held in FLOATS) != (ty in FLOATS):
            value = f"as_{held}({value})" if held in FLOATS else f"bits_{ty}({value})"
        elif ty[0] == "s":
            value = f"({TYPES[held]})({TYPES[ty]})({value})"
        return f"{name} = {value};"

    def memory(self, text, space):
        """The host's address of a memory operand."""
        base, offset = re.fullmatch(r"\[\s*([^+\s]+?)\s*(?:\+\s*(-?\d+))?\s*\]", text.strip()).groups()
        offset = int(offset or 0)
        if space == "param":
            return f"((char *)parameters[{self.parameters[base]}] + {offset})"
        if space == "shared":
            return f"(shared + (uint32_t)({self.read(base, 'u32')} + {offset}))"
        return f"((char *)(uintptr_t){self.read(base, 'u64')} + {offset}ll)"

    # Instructions.

    def instruction(self, text):
        guard = re.match(r"@(!?)(%p\d+) (.*)", text)
        code = self.translate(guard[3] if guard else text)
        if guard:
            code = f"if ({guard[1]}{self.variable(guard[2])}) {{ {code} }}"
        self.lines.append("  " + code)

    def translate(self, text):
        operation, _, rest = text.partition(" ")
        name, *parts = operation.split(".")
        ty = parts[-1] if parts and parts[-1] in TYPES else None
        args = re.split(r",\s*(?![^{]*\})(?![^\[]*\])", rest) if rest else []
        special = getattr(self, f"on_{name}", None)
        if special:
            return special(parts, args, ty)
        if name in FUNCTIONS:
            value = FUNCTIONS[name].format(x=self.read(args[1], ty), f="f" if ty == "f32" else "")
            return self.write(args[0], ty, value)
        raise ValueError(f"unknown instruction {text}")

    def on_bra(self, _parts, args, _ty):
        return f"goto {self.variable(args[0])};"

    def on_ret(self, _parts, _args, _ty):
        return "return 0;"

    def on_exit(self, _parts, _args, _ty):
        return "return 0;"

    def on_bar(self, _parts, _args, _ty):
        self.states += 1
        return f"self->state = {self.states}; return 1; state_{self.states}:;"

    def on_call(self, _parts, args, _ty):
        if not any("__assertfail" in arg for arg in args):
            raise ValueError(f"unknown function in {args}")
        return 'fail("an assertion of a kernel");'

    def on_ld(self, parts, args, ty):
        source = self.memory(args[1], next((part for part in parts if part in SPACES), None))
        targets = args[0].strip("{} ").split(",")
        return " ".join(self.write(target, ty, f"(*({TYPES[ty]} *)({source} + {place * bits(ty) // 8}))")
                        for place, target in enumerate(targets))

    def on_st(self, parts, args, ty):
        space = next((part for part in parts if part in SPACES), None)
        if space == "param":  # of a call
            return ";"
        target = self.memory(args[0], space)
        values = args[1].strip("{} ").split(",")
        return " ".join(f"*({TYPES[ty]} *)({target} + {place * bits(ty) // 8}) = {self.read(value, ty)};"
                        for place, value in enumerate(values))

    def on_mov(self, _parts, args, ty):
        half = f"u{bits(ty) // 2}" if ty != "pred" else ty
        if args[1].startswith("{"):
            low, high = args[1].strip("{} ").split(",")
            value = f"({self.read(low, half)} | (uint64_t){self.read(high, half)} << {bits(half)})"
            return self.write(args[0], unsigned(ty), value)
        if args[0].startswith("{"):
            low, high = args[0].strip("{} ").split(",")
            return (f"{{ uint64_t both = {self.read(args[1], ty)}; {self.write(low, half, 'both')}"
                    f" {self.write(high, half, f'both >> {bits(half)}')} }}")
        return self.write(args[0], ty, self.read(args[1], ty))

    def on_cvta(self, _parts, args, ty):
        return self.write(args[0], ty, self.read(args[1], ty))

    def binary(self, sign, args, ty):
        return self.write(args[0], ty, f"({self.read(args[1], ty)} {sign} {self.read(args[2], ty)})")

    def on_add(self, _parts, args, ty):
        return self.binary("+", args, unsigned(ty))

    def on_sub(self, _parts, args, ty):
        return self.binary("-", args, unsigned(ty))

    def on_and(self, _parts, args, ty):
        return self.binary("&", args, ty)

    def on_or(self, _parts, args, ty):
        return self.binary("|", args, ty)

    def on_xor(self, _parts, args, ty):
        return self.binary("^", args, ty)

    def on_not(self, _parts, args, ty):
        value = self.read(args[1], ty)
        return self.write(args[0], ty, f"(!{value})" if ty == "pred" else f"({TYPES[ty]})(~{value})")

    def on_mul(self, parts, args, ty):
        if ty in FLOATS:
            return self.binary("*", args, ty)
        return self.on_mad(parts, args + ["0"], ty)

    def on_mad(self, parts, args, ty):
        if ty in FLOATS:
            return self.on_fma(parts, args, ty)
        if "wide" in parts:
            to = ty[0] + str(2 * bits(ty))
            first, second = (f"({TYPES[to]}){self.read(arg, ty)}" for arg in args[1:3])
            return self.write(args[0], to, f"({first} * {second} + {self.read(args[3], to)})")
        if "hi" in parts:
            wide = "__int128" if ty[0] == "s" else "unsigned __int128"
            first, second = (f"({wide}){self.read(arg, ty)}" for arg in args[1:3])
            high = f"({TYPES[ty]})(({first} * {second}) >> {bits(ty)})"
            return self.write(args[0], ty, f"({high} + {self.read(args[3], ty)})")
        first, second, third = (self.read(arg, unsigned(ty)) for arg in args[1:])
        return self.write(args[0], unsigned(ty), f"({first} * {second} + {third})")

    def on_fma(self, parts, args, ty):
        suffix = "f" if ty == "f32" else ""
        value = f"fma{suffix}({', '.join(self.read(arg, ty) for arg in args[1:])})"
        return self.write(args[0], ty, f"saturate({value})" if "sat" in parts else value)

    def on_div(self, _parts, args, ty):
        return self.divide("/", args, ty)

    def on_rem(self, _parts, args, ty):
        return self.divide("%", args, ty)

    def divide(self, sign, args, ty):
        if ty in FLOATS:
            return self.binary(sign, args, ty)
        first, second = (self.read(arg, ty) for arg in args[1:])
        return self.write(args[0], ty, f"({second} ? {first} {sign} {second} : ({TYPES[ty]})-1)")

    def on_abs(self, _parts, args, ty):
        function = {"f32": "fabsf", "f64": "fabs", "s32": "abs", "s64": "llabs"}[ty]
        return self.write(args[0], ty, f"{function}({self.read(args[1], ty)})")

    def on_shl(self, _parts, args, ty):
        value, places = self.read(args[1], ty), self.read(args[2], "u32")
        return self.write(args[0], ty, f"({places} >= {bits(ty)} ? 0 : {value} << {places})")

    def on_shr(self, _parts, args, ty):
        value, places = self.read(args[1], ty), self.read(args[2], "u32")
        return self.write(args[0], ty, f"({places} >= {bits(ty)} ? ({value} < 0 ? -1 : 0) : {value} >> {places})")

    def on_min(self, _parts, args, ty):
        return self.extreme("min", "<", args, ty)

    def on_max(self, _parts, args, ty):
        return self.extreme("max", ">", args, ty)

    def extreme(self, name, sign, args, ty):
        first, second = (self.read(arg, ty) for arg in args[1:])
        if ty in FLOATS:
            return self.write(args[0], ty, f"f{name}{'f' if ty == 'f32' else ''}({first}, {second})")
        return self.write(args[0], ty, f"({first} {sign} {second} ? {first} : {second})")

    def on_selp(self, _parts, args, ty):
        condition = self.read(args[3], "pred")
        return self.write(args[0], ty, f"({condition} ? {self.read(args[1], ty)} : {self.read(args[2], ty)})")

    def on_setp(self, parts, args, ty):
        value = self.comparison(parts[0], self.read(args[1], ty), self.read(args[2], ty), ty)
        if len(args) == 4:
            sign = {"and": "&&", "or": "||"}[parts[1]]
            value = f"({value} {sign} {self.read(args[3], 'pred')})"
        return self.write(args[0], "pred", value)

    @staticmethod
    def comparison(how, first, second, ty):
        if ty in FLOATS:
            unordered = f"({first} != {first} || {second} != {second})"
            if how in ("nan", "num"):
                return unordered if how == "nan" else f"(!{unordered})"
            if how == "ne":
                return f"(!{unordered} && {first} != {second})"
            if how not in COMPARISONS:  # true for a NaN: equ, ltu, ...
                return f"({unordered} || {first} {COMPARISONS[how[:-1]]} {second})"
        return f"({first} {COMPARISONS[how]} {second})"

    def on_cvt(self, parts, args, _ty):
        to, source = parts[-2:]
        value = self.read(args[1], source)
        rounding = next((ROUNDINGS[part] for part in parts if part in ROUNDINGS), None)
        if source in FLOATS and rounding:
            value = f"{rounding}({value})"
        value = f"(({TYPES[to]}){value})"
        return self.write(args[0], to, f"saturate({value})" if "sat" in parts else value)

    def on_atom(self, parts, args, ty):
        space = next(part for part in parts if part in SPACES)
        how = next(part for part in parts if part in ("add", "min", "max", "exch", "cas"))
        values = [self.read(arg, ty) for arg in args[2:]]
        changed = {"add": f"old + {values[0]}", "min": f"old < {values[0]} ? old : {values[0]}",
                   "max": f"old > {values[0]} ? old : {values[0]}", "exch": values[0],
                   "cas": f"old == {values[0]} ? {values[-1]} : old"}[how]
        c_type = TYPES[ty]
        return (f"{{ {c_type} *place = ({c_type} *){self.memory(args[1], space)}, old = *place;"
                f" *place = {changed}; {self.write(args[0], ty, 'old')} }}")

    def on_red(self, parts, args, ty):
        value = f"{self.memory(args[0], next(part for part in parts if part in SPACES))}"
        if "add" not in parts:
            raise ValueError(f"unknown reduction {parts}")
        return f"*({TYPES[ty]} *){value} += {self.read(args[1], ty)};"

    # The whole.

    def statements(self):
        """Labels (ending with a colon) and instructions."""
        text = re.sub(r"(?m)^\s*\.(reg|shared|local|pragma|loc|file|param)\b[^;\n]*;?", "", self.body)
        for part in re.split(r"(?<=;)|(?<=:)(?=\s*\n)", text):
            part = re.sub(r"^[{}\s]+", "", part).rstrip("; \t\n")
            if part:
                yield re.sub(r"\s+", " ", part)

    def c(self):
        variables = self.declare()
        for statement in self.statements():
            label = re.match(r"([$\w]+):$", statement)
            if label:
                self.lines.append(f"{self.variable(label[1])}:;")
            else:
                self.instruction(statement)
        code = "\n".join(self.lines)
        variables = {name: ty for name, ty in variables.items() if re.search(rf"\b{name}\b", code)}
        fields = [f"  {ty} {name};" for name, ty in variables.items()]
        fields += [f"  _Alignas(16) char {self.variable(name)}[{length}];" for name, length in self.local.items()]
        names = [*variables, *map(self.variable, self.local)]
        return "\n".join([
            '#include "kernel.h"',
            *(self.constants[name] for name in dict.fromkeys(self.used_constants)),
            f"static _Alignas(16) char shared[{max(self.shared_bytes, 16)}];",
            "struct thread {", "  int state;", *fields, "};",
            *(f"#define {name} (self->{name})" for name in names),
            "static int step(struct thread *self, const struct position *at, void **parameters) {",
            "  switch (self->state) {",
            *(f"  case {state}: goto state_{state};" for state in range(1, self.states + 1)),
            "  }", code, "  return 0;", "}",
            "RUN_WITH_BARRIERS" if self.states else "RUN",
        ]) + "\n"


def main(module, name, library):
    with open(module) as file:
        code = Kernel(file.read(), name).c()
    # Other processes may do the same at this moment.
    made = f"{library}.{os.getpid()}"
    include = os.path.dirname(os.path.abspath(__file__))
    compiler = ["cc", "-O2", "-w", "-ffp-contract=off", "-shared", "-fPIC", "-I", include]
    subprocess.run([*compiler, "-x", "c", "-", "-o", made, "-lm"], input=code, text=True, check=True)
    os.replace(made, library)


main(*sys.argv[1:])
