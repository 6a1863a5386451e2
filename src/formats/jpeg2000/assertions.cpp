// SPDX-License-Identifier: Apache-2.0
#include "formats/jpeg2000/assertions.h"

#include <elf.h>
#include <link.h>
#include <openjpeg.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>

namespace restride::jpeg2000 {

thread_local Survivor* Survivor::current = nullptr;

void on_assertion(const char* expression, const char* file, unsigned line, const char* function) noexcept {
  Survivor* survivor = Survivor::current;
  if (!survivor) {  // as assert() does
    std::fprintf(stderr, "%s:%u: %s: Assertion `%s' failed.\n", file, line, function, expression);
    std::abort();
  }
  std::snprintf(survivor->text_, sizeof survivor->text_, "%s", expression);
  std::longjmp(survivor->jump_, 1);
}

namespace {

// The parts of a loaded object's dynamic section that name its imported functions (System V gABI, chapter 5).
struct Imports {
  const ElfW(Sym) * symbols = nullptr;
  const char* names = nullptr;
  const ElfW(Rela) * tables[2] = {};  // calls, and other addresses
  std::size_t sizes[2] = {};

  Imports(const ElfW(Dyn) * entry, ElfW(Addr) base) noexcept {
    const auto at = [&](const ElfW(Dyn) & d) { return d.d_un.d_ptr < base ? base + d.d_un.d_ptr : d.d_un.d_ptr; };
    for (; entry->d_tag != DT_NULL; ++entry) switch (entry->d_tag) {
        case DT_SYMTAB:
          symbols = reinterpret_cast<const ElfW(Sym)*>(at(*entry));
          break;
        case DT_STRTAB:
          names = reinterpret_cast<const char*>(at(*entry));
          break;
        case DT_JMPREL:
          tables[0] = reinterpret_cast<const ElfW(Rela)*>(at(*entry));
          break;
        case DT_PLTRELSZ:
          sizes[0] = entry->d_un.d_val;
          break;
        case DT_RELA:
          tables[1] = reinterpret_cast<const ElfW(Rela)*>(at(*entry));
          break;
        case DT_RELASZ:
          sizes[1] = entry->d_un.d_val;
          break;
        default:
          break;
      }
  }
};

// Points an import of the object at our function; `sealed`: its page was made read-only after loading (RELRO).
void redirect(ElfW(Addr) slot, bool sealed) noexcept {
  const auto page = static_cast<ElfW(Addr)>(::sysconf(_SC_PAGESIZE));
  void* const start = reinterpret_cast<void*>(slot & ~(page - 1));
  if (sealed && ::mprotect(start, page, PROT_READ | PROT_WRITE) != 0) return;
  auto* const to = &on_assertion;
  std::memcpy(reinterpret_cast<void*>(slot), &to, sizeof to);
  if (sealed) (void)::mprotect(start, page, PROT_READ);
}

// Called for every loaded object: the one that holds `address` is changed.
int visit(dl_phdr_info* object, std::size_t, void* address) noexcept {
  const auto wanted = reinterpret_cast<ElfW(Addr)>(address);
  const ElfW(Phdr)* dynamic = nullptr;
  ElfW(Addr) sealed = 0, sealed_size = 0;
  bool inside = false;
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& part = object->dlpi_phdr[i];
    const ElfW(Addr) start = object->dlpi_addr + part.p_vaddr;
    inside = inside || (part.p_type == PT_LOAD && wanted >= start && wanted - start < part.p_memsz);
    if (part.p_type == PT_DYNAMIC) dynamic = &part;
    if (part.p_type == PT_GNU_RELRO) sealed = start, sealed_size = part.p_memsz;
  }
  if (!inside || !dynamic) return 0;
  const Imports imports(reinterpret_cast<const ElfW(Dyn)*>(object->dlpi_addr + dynamic->p_vaddr), object->dlpi_addr);
  if (!imports.symbols || !imports.names) return 1;
  for (int table = 0; table < 2; ++table)
    for (std::size_t i = 0; i < imports.sizes[table] / sizeof(ElfW(Rela)); ++i) {
      const ElfW(Rela)& relocation = imports.tables[table][i];
      const std::uint32_t symbol = static_cast<std::uint32_t>(relocation.r_info >> 32);
      if (!symbol || std::strcmp(imports.names + imports.symbols[symbol].st_name, "__assert_fail") != 0) continue;
      const ElfW(Addr) slot = object->dlpi_addr + relocation.r_offset;
      redirect(slot, slot >= sealed && slot - sealed < sealed_size);
    }
  return 1;
}

}  // namespace

void catch_assertions() noexcept {
  static std::once_flag once;
  std::call_once(once, [] { ::dl_iterate_phdr(visit, reinterpret_cast<void*>(&opj_decode)); });
}

}  // namespace restride::jpeg2000
