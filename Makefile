# Kindred. `make help` lists what can be made; V=1 shows commands.
# CC, CFLAGS, CPPFLAGS, LDFLAGS and LDLIBS of the user are added to what the project needs.

BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
DECODER ?= turbo
PYTHON ?= /usr/bin/python3
V ?= 0

ifeq ($(V),0)
Q := @
say = @printf '  %-4s %s\n' $(1) $(2)
endif

CFLAGS ?= -O2 -g
# No fused multiply-add (gnu17 and clang use it): results would depend on the instruction set.
project_cflags := -std=c17 -ffp-contract=off -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wvla -Werror=implicit-function-declaration -fno-common -fvisibility=hidden \
	-ffunction-sections -fdata-sections -fstack-protector-strong $(WERROR)
project_cppflags := -D_GNU_SOURCE -I. -I$(BUILD)/include
project_ldflags := -Wl,--gc-sections -Wl,--as-needed -Wl,-z,relro,-z,now

mpi_cflags := $(shell pkg-config --cflags ompi-c 2>/dev/null)
mpi_libs = $(shell pkg-config --libs ompi-c)
stb_cflags := $(shell pkg-config --cflags stb 2>/dev/null)
blas_libs := -lopenblas
wire_libs := -lzmq -lmsgpackc
decode_libs := -lseccomp -lz
model_libs := -lprotobuf-c

project_cppflags += $(stb_cflags) $(mpi_cflags)
ifeq ($(DECODER),turbo)
project_cppflags += -DKIN_DECODER_TURBO
decode_libs += -ljpeg
else ifneq ($(DECODER),stb)
$(error DECODER is '$(DECODER)'; it takes turbo or stb)
endif

# Every .c outside tests belongs to one archive, except the files with main(): *_main.c.
folders := common/base common/code common/image proto coordinator/partition coordinator/serve \
	coordinator/client worker/decode worker/encode worker/dataset worker/train worker/eval worker/atlas worker/classify worker/shard worker/search worker/plan \
	worker/index worker/serve worker/verify
sources := $(wildcard $(addsuffix /*.c,$(folders)))
mains := $(filter %_main.c,$(sources))
# Readers of messages, written by protoc-c.
messages := $(patsubst %.proto,$(BUILD)/obj/%.pb-c.o,$(wildcard $(addsuffix /*.proto,$(folders))))
objects := $(patsubst %.c,$(BUILD)/obj/%.o,$(filter-out $(mains),$(sources))) $(messages)
core := $(BUILD)/libkindred-all.a

# A program: its main file and the outside libraries that it may link.
programs := kindred kindred-coordinator kindred-worker kindred-index kindred-decode kindred-verify \
	kindred-eval kindred-atlas kindred-classify kindred-plan
main_kindred := coordinator/client/kindred_main
main_kindred-coordinator := coordinator/serve/coordinator_main
main_kindred-worker := worker/serve/worker_main
main_kindred-index := worker/index/index_main
main_kindred-decode := worker/decode/decode_main
main_kindred-verify := worker/verify/verify_main
main_kindred-eval := worker/eval/eval_main
main_kindred-atlas := worker/atlas/atlas_main
main_kindred-classify := worker/classify/classify_main
main_kindred-plan := worker/plan/plan_main
libs_kindred := $(wire_libs)
libs_kindred-coordinator := $(wire_libs)
libs_kindred-worker := $(wire_libs) $(blas_libs) $(model_libs)
libs_kindred-index = $(wire_libs) $(blas_libs) $(model_libs) $(mpi_libs) -larchive -ljansson -lz
libs_kindred-decode := $(decode_libs)
libs_kindred-verify := $(wire_libs) $(model_libs)
libs_kindred-eval := $(blas_libs) $(model_libs) -lz
libs_kindred-atlas := $(model_libs) -lz
libs_kindred-classify := $(blas_libs) $(model_libs) -lz
# Only programs whose main file is there are made.
built := $(foreach p,$(programs),$(if $(wildcard $(main_$(p)).c),$(BUILD)/bin/$(p)))

unit_tests := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))
fuzz_replays := $(patsubst tests/fuzz/%.c,$(BUILD)/tests/%,$(wildcard tests/fuzz/fuzz_*.c))
benches := $(patsubst tests/bench/%.c,$(BUILD)/tests/%,$(wildcard tests/bench/bench_*.c))
tools := $(patsubst tests/tools/%.c,$(BUILD)/tests/%,$(wildcard tests/tools/tool_*.c))
support_objects := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/support/*.c))
test_libs = -lcmocka $(wire_libs) $(blas_libs) $(model_libs) -larchive -ljansson $(decode_libs)

.PHONY: all
all: $(built)

compile = $(CC) $(project_cppflags) $(CPPFLAGS) $(project_cflags) $(isa_flags) $(CFLAGS) -MMD -MP
link = $(CC) $(project_cflags) $(CFLAGS) $(project_ldflags) $(LDFLAGS)

# One instruction set is one file; no other file is compiled for more than the baseline.
$(BUILD)/obj/%_avx2.o: isa_flags = -mavx2 -mfma -mpopcnt
$(BUILD)/obj/%_avx512.o: isa_flags = -mfma -mavx512f -mavx512bw -mavx512vl -mavx512vpopcntdq -mpopcnt
ifneq ($(shell uname -m),x86_64)
$(BUILD)/obj/%_avx2.o $(BUILD)/obj/%_avx512.o: isa_flags =
endif

$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(compile) -c $< -o $@

$(BUILD)/include/%.pb-c.h $(BUILD)/include/%.pb-c.c: %.proto
	@mkdir -p $(BUILD)/include
	$(call say,GEN,$<)
	$(Q)protoc-c --c_out=$(BUILD)/include $<

$(messages): $(BUILD)/obj/%.o: $(BUILD)/include/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(compile) -c $< -o $@

$(filter $(BUILD)/obj/worker/encode/onnx_%,$(objects)): | $(BUILD)/include/worker/encode/onnx.pb-c.h

# Other flags make everything anew.
.PHONY: force
$(BUILD)/flags: force
	@mkdir -p $(@D)
	@printf '%s\n' '$(compile) $(link) $(LDLIBS)' | cmp -s - $@ || \
		printf '%s\n' '$(compile) $(link) $(LDLIBS)' > $@

$(core): $(objects)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

define program_rule
$(BUILD)/bin/$(1): $(BUILD)/obj/$(main_$(1)).o $(core)
	@mkdir -p $$(@D)
	$$(call say,LINK,$$@)
	$$(Q)$$(link) $$< $$(core) $$(libs_$(1)) $$(LDLIBS) -lxxhash -lpthread -lm -o $$@
endef
$(foreach p,$(programs),$(eval $(call program_rule,$(p))))

$(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(support_objects) $(core)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(link) $< $(support_objects) $(core) $(test_libs) $(LDLIBS) -lxxhash -lpthread -lm -o $@

$(BUILD)/tests/fuzz_%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(support_objects) $(core)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(link) $< $(support_objects) $(core) $(test_libs) $(LDLIBS) -lxxhash -lpthread -lm -o $@

$(BUILD)/tests/bench_%: $(BUILD)/obj/tests/bench/bench_%.o $(support_objects) $(core)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(link) $< $(support_objects) $(core) $(test_libs) $(LDLIBS) -lxxhash -lpthread -lm -o $@

$(BUILD)/tests/tool_%: $(BUILD)/obj/tests/tools/tool_%.o $(support_objects) $(core)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(link) $< $(support_objects) $(core) $(test_libs) $(LDLIBS) -lxxhash -lpthread -lm -o $@

.PHONY: tests
tests: $(unit_tests) $(fuzz_replays) $(benches) $(tools)

# --- The two commands ------------------------------------------------------------------------

# A real collection becomes an index, is served, and answers with a sheet of pictures.
.PHONY: demo
demo:
	@deploy/setup build demo network
	@$(MAKE) --no-print-directory -j$(jobs) all
	@BUILD=$(BUILD) deploy/demo

# Every test that takes minutes; ends with `N passed, M failed`.
.PHONY: check
check:
	@deploy/setup build tests
	@$(MAKE) --no-print-directory -j$(jobs) all tests
	@$(MAKE) --no-print-directory -j$(jobs) BUILD=$(BUILD)/stb DECODER=stb decode-tests
	@$(MAKE) --no-print-directory -j$(jobs) BUILD=$(BUILD)/asan CFLAGS='$(asan_cflags)' tests
	@$(PYTHON) tests/run --build $(BUILD) --stb $(BUILD)/stb --asan $(BUILD)/asan

# The same with long variants, and the daemons under ThreadSanitizer.
.PHONY: check-all
check-all:
	@deploy/setup build tests bench cross # bench has torch, whose networks are compared with
	@$(MAKE) --no-print-directory -j$(jobs) all tests
	@$(MAKE) --no-print-directory -j$(jobs) BUILD=$(BUILD)/stb DECODER=stb decode-tests
	@$(MAKE) --no-print-directory -j$(jobs) BUILD=$(BUILD)/asan CFLAGS='$(asan_cflags)' all tests
	@$(MAKE) --no-print-directory -j$(jobs) BUILD=$(BUILD)/tsan CFLAGS='$(tsan_cflags)' all
	@$(PYTHON) tests/run --long --build $(BUILD) --stb $(BUILD)/stb --asan $(BUILD)/asan \
		--tsan $(BUILD)/tsan

# --- Further checks --------------------------------------------------------------------------

jobs := $(shell nproc)
asan_cflags := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
tsan_cflags := -O1 -g -fsanitize=thread -fno-omit-frame-pointer

.PHONY: lint
lint:
	@deploy/setup build tests lint
	@$(MAKE) --no-print-directory -j$(jobs) all
	@$(PYTHON) tests/lint/lint --build $(BUILD)

.PHONY: asan tsan
asan:
	@$(MAKE) --no-print-directory -j$(jobs) BUILD=$(BUILD)/asan CFLAGS='$(asan_cflags)' all tests
	@$(PYTHON) tests/run --asan $(BUILD)/asan
tsan:
	@$(MAKE) --no-print-directory -j$(jobs) BUILD=$(BUILD)/tsan CFLAGS='$(tsan_cflags)' all
	@$(PYTHON) tests/run --tsan $(BUILD)/tsan

# What the tests of `make DECODER=stb` need.
.PHONY: decode-tests
decode-tests: $(BUILD)/bin/kindred-decode

# Figures, with a named peer or limit in the same run; see tests/bench/RESULTS.md: those of searches,
# in some minutes; BENCH=pictures, networks or all takes longer.
BENCH ?=
.PHONY: bench
bench:
	@deploy/setup build tests bench
	@$(MAKE) --no-print-directory -j$(jobs) all tests
	@BUILD=$(BUILD) tests/bench/run $(BENCH)

# Methods of hashing against each other, into the tables of worker/train/README.md; goes on where it
# was stopped.
.PHONY: bench-hashing
bench-hashing:
	@deploy/setup build tests hashing network
	@$(MAKE) --no-print-directory -j$(jobs) all
	@BUILD=$(BUILD) $(PYTHON) tests/bench/hashing.py

# Coverage-guided fuzzing with clang: FUZZ_SECONDS for each target.
FUZZ_SECONDS ?= 60
fuzz_targets := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
.PHONY: fuzz
fuzz:
	@deploy/setup build tests fuzz
	@$(MAKE) --no-print-directory -j$(jobs) BUILD=$(BUILD)/fuzz CC=clang \
		CFLAGS='-O1 -g -fsanitize=fuzzer-no-link,address,undefined' \
		$(addprefix $(BUILD)/fuzz/fuzzers/,$(fuzz_targets))
	@BUILD=$(BUILD)/fuzz tests/fuzz/run $(FUZZ_SECONDS) $(fuzz_targets)

fuzz_support := $(filter-out %/fuzz_replay.o,$(support_objects))
$(BUILD)/fuzzers/%: $(BUILD)/obj/tests/fuzz/%.o $(fuzz_support) $(core)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(link) -fsanitize=fuzzer $< $(fuzz_support) $(core) $(test_libs) $(LDLIBS) -lxxhash -lpthread -lm -o $@

# --- Installing ------------------------------------------------------------------------------

client_folders := common/base common/code common/image proto coordinator/client
client_objects := $(filter $(addprefix $(BUILD)/obj/,$(addsuffix /%.o,$(client_folders))),$(objects))
client_headers := $(wildcard $(addsuffix /*.h,common/base common/code common/image)) \
	coordinator/client/client.h

$(BUILD)/libkindred.a: $(client_objects)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

.PHONY: install
install: all $(BUILD)/libkindred.a
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/pkgconfig \
		$(DESTDIR)$(PREFIX)/share/man/man1
	install -m 755 $(built) $(DESTDIR)$(PREFIX)/bin
	install -m 644 $(wildcard deploy/man/*.1) $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 $(BUILD)/libkindred.a $(DESTDIR)$(PREFIX)/lib
	for header in $(client_headers); do \
		install -D -m 644 $$header $(DESTDIR)$(PREFIX)/include/kindred/$$header || exit 1; done
	sed 's|@PREFIX@|$(PREFIX)|' deploy/libkindred.pc.in \
		> $(DESTDIR)$(PREFIX)/lib/pkgconfig/libkindred.pc

.PHONY: clean
clean:
	rm -rf $(BUILD)

.PHONY: help
help:
	@echo 'make            all programs, into $(BUILD)/bin'
	@echo 'make demo       installs what is missing, indexes a real collection, draws result sheets'
	@echo 'make check      all tests (check-all: the long ones too)'
	@echo 'make bench      figures of searches, as in tests/bench/RESULTS.md (BENCH=all: of everything)'
	@echo 'make bench-hashing   hashers against each other, in Markdown'
	@echo 'make lint       layers, sizes, names, formatting, static analysis'
	@echo 'make asan tsan  tests under the address, undefined and thread sanitizers'
	@echo 'make fuzz       coverage-guided fuzzing (FUZZ_SECONDS=60 a target)'
	@echo 'make install    PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)'
	@echo 'make clean      removes $(BUILD)'
	@echo 'Options: V=1 shows commands; DECODER=turbo|stb; BUILD, CC, CFLAGS, LDFLAGS, LDLIBS'

.SECONDARY:
-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
